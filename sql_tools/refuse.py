"""Question -> why it is refused, if it asks for the data to be changed; nothing is sent to a model then.

Two kinds: SQL pasted in as a question that is no read, and a plain imperative about rows or tables ("delete all orders",
"set all discounts to 5%", 注文を削除して). The same words in a question are none ("how many orders were deleted?", "grant
amounts by university", "drop rate by week"), nor is a wish for the looks of an answer ("drop the decimals", "add a column
with the profit"). In doubt it is a question: the fences behind this do not depend on it; it spares the asker a wait.
"""

import re

REFUSAL = "This asks to change data. Arctic Copilot only reads, so nothing was run."
POLITE = (
    r"(?:(?:please|kindly|now|then|also|and|ok|okay|hey|hi|hello|just|go ahead(?: and)?|can you|could you|would you|will you|"
    r"you (?:must|should|can|have to|need to)|i (?:want|need|would like|'d like)(?: you)? to|i(?:'d| would) like to|"
    r"we (?:want|need|have) to|let's|lets|let us|help me(?: to)?|make sure to|be sure to|your task is to|first|next|finally|"
    r"ignore (?:all |the |your )?(?:previous|prior|above|earlier) (?:instructions?|rules?|prompts?)(?: and)?|"
    r"the following[: ]*)[,:]?\s+)*+"  # possessive: what is polite is taken once, in one way
)
EVERY = r"(?:all|every|each|any)\b"
ROWS = r"(?:all|every|each|any|the|this|that|these|those|my|our|its|his|her|their|everything|everyone)\b"
ONE = r"[a-z]+ (?:no\.? |number |id |#)?\d+\b"  # customer 42
STORED = r"(?:table|view|schema|database|index|user|role|sequence|constraint|trigger|procedure|warehouse)s?\b"
HOME = r"[^?]*?\b(?:to|into|in|from) (?:the |our |my )?(?:\w+ )?(?:table|database|system|db)\b"
VALUE = r"[^?:,]*?\b(?:to|by|with|as)\b"
WISHES = (  # verbs, and what makes them a wish about rows
    ("delete|erase|wipe|purge|truncate|overwrite|get rid of|anonymi[sz]e", rf"{ROWS}|{ONE}|from\b|(?:rows|records)\b|\w+\W*$"),
    ("drop|alter", rf"(?:{ROWS} )?(?:\w+ )?{STORED}|columns? \w+ (?:from|of) "),
    ("remove", rf"{ONE}|{HOME}"),
    ("insert|add|append|save|store|write|put|load|import|upload", rf"{HOME}"),
    ("insert|add|register|enter|record", r"(?:an? )?(?:new|another)\b"),
    ("insert", r"(?:into|an?|the|these|\d+)\b"),
    ("update|modify|edit|change|set|reset|fix|correct|increase|decrease|raise|reduce|lower|cut|double|halve", rf"{EVERY}{VALUE}"),
    ("update|modify|edit|change|set|reset|increase|decrease|raise|reduce|lower", rf"(?:[^?:,]*? (?:of|for) )?(?:{ONE}){VALUE}"),
    ("double|halve|reset|clear|cancel|close|archive|restore", rf"{EVERY}|{ONE}"),
    ("mark|assign|reassign|move|transfer|switch", rf"(?:{EVERY}|{ONE})[^?:]*?\b(?:to|as|from)\b"),
    ("rename", rf"(?:the )?(?:{STORED}|columns?) [\w\"]+ (?:to|as)\b"),
    ("create", rf"(?:or replace )?(?:an? )?new {STORED}|(?:an? )?(?:index|user|role|schema|database) (?:on|named|called|for)\b"),
    ("grant|revoke", r"(?:me|us|him|her|them|everyone|everybody)\b|(?:\w+ )?(?:access|permissions?|privileges?|rights) (?:to|on|for|from)\b"),
    ("give", r"(?:me|us|him|her|them|everyone|everybody) (?:\w+ )?(?:access|permissions?|privileges?|rights)(?= to\b| on\b|\W*$)"),
)  # fmt: skip
SHOWN = re.compile(  # parts of an answer, not of the data
    r"\b(?:decimals?|digits?|duplicates?|nulls?|blanks?|outliers?|spaces|zeros?|zeroes|columns?(?! \w*_)|legend|chart|graph|axis|labels?|"
    r"titles?|totals?|subtotals?|limit|filters?|sort(?:ing)?|currency|euros?|dollars?|usd|eur|units?|thousands|millions|format|"
    r"colou?rs?|history|chat|query|answer|result)\b"
)
MAX_OBJECT_WORDS = 5
WISH = re.compile("|".join(rf"^\W*{POLITE}(?:{verbs})\s+(?={of})" for verbs, of in WISHES), re.IGNORECASE)
LATER = re.compile(r"[;.]\s+|,?\s*\b(?:and|then)\s+(?:then |also |please |finally )?", re.IGNORECASE)
ERASES = re.compile(rf"(?:{WISHES[0][0]})\s+(?:{ROWS}|it\b|them\b)", re.IGNORECASE)
DDL = re.compile(
    r"(?:drop|alter) (?:(?:the|this|that|our)\s+)?(?:\w+ )?(?:table|column|view|schema|database)\b", re.IGNORECASE
)
SQL = re.compile(
    r"(?:^|;)\s*(?:insert\s+into|delete\s+from|update\s+\S+\s+set|drop\s+(?:table|view|schema|database)|truncate\s+table|"
    r"alter\s+(?:table|view|session|user|role|database|warehouse)|merge\s+into|copy\s+\S+\s+(?:to|from)\s+['\"@(]|"
    r"create\s+(?:or\s+replace\s+)?(?:temp\w*\s+)?(?:table|view|schema|index|function|user|role)\s+\S+\s*(?:\(|as\b|;|$)|"
    r"grant\s+[\w, ]+\s+(?:on|to)\s+\S|attach\s+['\"]|install\s+\w+\s*;?\s*$|pragma\s|call\s+\w+\()",
    re.IGNORECASE,
)
JAPANESE = re.compile(
    r"(?:削除|消去|抹消|更新|変更|追加|挿入|登録|修正|訂正|移動|初期化|リセット|クリア|上書き|置換|統合|改名|ドロップ|破棄|キャンセル|取り消し)"
    r"(?:を)?(?:して(?!い)|しろ|せよ|しなさい|してくれ|をお願い|お願い|したい|願います)|"
    r"(?:テーブル|ビュー|行|レコード|インデックス|データベース)を?(?:新しく|新規に?)?作(?:成し|っ)て|"
    r"(?:消し|書き換え|書き込ん|増やし|減らし|変え|加え|空にし|落とし|直し|入れ替え|取り除い|取り消し|倍にし|半分にし|0にし|ゼロにし)(?:て|で)(?!い)"
)
JAPANESE_SHOWN = re.compile(  # parts of an answer, as SHOWN
    r"(?:列|カラム|項目|合計|小計|平均|比率|割合|前年比|グラフ|凡例|軸|色|条件|単位|順番?|表示|書式|形式|通貨|桁数?|小数点?(?:以下)?|期間|"
    r"フィルター?|絞り込み|重複|空白|NULL|欠損値|外れ値|ラベル)(?:を|は|も)[^、。]*$|(?:一覧|リスト|グラフ|レポート|集計表|ランキング)を?作"
)


def refuse(text: str) -> str:
    """One sentence saying why, or nothing where the question only asks."""
    return REFUSAL if SQL.search(text) or _wishes(text) or _wishes_in_japanese(text) else ""


def _wishes(text: str) -> bool:
    """Does it begin as a wish to change rows, or say later on to erase some?"""
    found = WISH.match(text)
    if found and not _is_shown(text[found.end() :]):
        return True
    later = [part for part in LATER.split(text)[1:] if ERASES.match(part) or DDL.match(part)]
    return any(not _is_shown(part.partition(" ")[2]) for part in later)


def _is_shown(words: str) -> bool:
    """Is what follows the verb a part of the answer?"""
    return bool(SHOWN.search(" ".join(words.lower().split()[:MAX_OBJECT_WORDS])))


def _wishes_in_japanese(text: str) -> bool:
    found = JAPANESE.search(text)
    return found is not None and not JAPANESE_SHOWN.search(text[: found.end()])
