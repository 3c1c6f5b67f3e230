"""Question -> why it is refused, if it asks for the data to be changed; nothing is sent to a model then.

A wish to change is told by its verb in the imperative ("delete all orders", 注文を削除して); the same words in a
question about the data are not ("how many orders were deleted?", 削除された注文は何件？). SQL pasted in as a question is
judged by its statement. This spares the asker a wait and a puzzle: the fences behind it do not depend on it.
"""

import re

POLITE = (
    r"(?:(?:please|kindly|now|then|also|and|ok|okay|hey|hi|hello|just|go ahead(?: and)?|can you|could you|would you|will you|"
    r"you (?:must|should|can|have to|need to)|i (?:want|need|would like|'d like)(?: you)? to|i(?:'d| would) like to|we (?:want|need|have) to|"
    r"let's|lets|let us|help me(?: to)?|make sure to|be sure to|your task is to|first|next|finally|"
    r"ignore (?:all |the |your )?(?:previous|prior|above|earlier) (?:instructions?|rules?|prompts?)(?: and)?|"
    r"the following[: ]*)[,:]?\s+)*+"  # possessive: what is polite is taken once, in one way
)
ALWAYS = (
    r"delete|erase|wipe|purge|truncate|insert|alter|overwrite|rename|grant|revoke|vacuum|uninstall|install|"
    r"drop(?!-| ?off| ?out| in\b)|remove(?! (?:duplicates|nulls|null values|blanks)\b)|get rid of|upsert|backfill|anonymi[sz]e"
)
WITH_OBJECT = (
    r"(?:update|modify|edit|correct|fix|amend|adjust)\s+(?:the|all|every|each|any|this|these|those|my|our|customer|order|its|their|\w+'s?|\w+s\b|\w+ \d+)|"
    r"(?:set|change|replace|switch|convert|reset|raise|increase|decrease|reduce|lower|cut|bump|double|halve|multiply|mark|flag|move|transfer|reassign|assign)"
    r"\s+(?!(?:in|of|between|per|over|to|from|by|and)\b)[^?]*?\b(?:to|by|as|into|from|with|in the (?:table|database))\b|"
    r"(?:double|halve|reset|clear|empty|cancel|close|undo|restore|swap|merge|archive)\s+(?:the|all|every|each|any|my|our|this|these|those)\b|"
    r"(?:add|append|put|save|store|import|upload|load|register|record|enter)\s+(?:a |an |the |this |these |new |another |\d+ )[^?]*?\b"
    r"(?:to|into|in|as|for|row|rows|record|records|column|columns|table|customer|entry|order)\b|"
    r"create\s+(?:or replace\s+)?(?:a |an |the |new |temp(?:orary)? )*(?:new )?(?:table|view|index|schema|database|user|role|column|row|record|customer|order|sequence|function|procedure|trigger|copy of)\b(?! (?:of|showing|listing)\b)"
)
WRITE = re.compile(rf"^\W*{POLITE}(?:{ALWAYS}|{WITH_OBJECT})\b", re.IGNORECASE)
LATER = re.compile(
    r"\b(?:and|then|;|,|\.)\s*(?:then |also |please |finally )*(?:delete|erase|wipe|purge|truncate|drop|remove|insert|overwrite|update)"
    r"\s+(?:the|all|them|it|those|these|every|any|that|table|from|into)\b",
    re.IGNORECASE,
)
SQL = re.compile(
    r"(?:^|;)\s*(?:insert\s+into|delete\s+from|update\s+\S+\s+set|drop\s+(?:table|view|schema|database)|truncate\b|alter\s+\w+|"
    r"create\s+(?:or\s+replace\s+)?(?:temp\w*\s+)?(?:table|view|schema|index|function|user|role)\s+\S+\s*(?:\(|as\b|;|$)|merge\s+into|copy\s+\S+\s+(?:to|from)|grant\s+\w+|attach\s|install\s|pragma\s|call\s+\w+\()",
    re.IGNORECASE,
)
READS = re.compile(
    r"^\W*(?:show|list|find|give|get|tell|display|return|count|how|what|which|who|whose|whom|when|where|why|is|are|was|were|"
    r"do|does|did|has|have|had|compare|calculate|compute|select|with|summari[sz]e|report|name|for|in|of|on|per|by)\b",
    re.IGNORECASE,
)
JAPANESE = re.compile(
    r"(?:削除|消去|抹消|更新|変更|追加|挿入|登録|修正|訂正|移動|初期化|リセット|クリア|上書き|置換|統合|改名|ドロップ|破棄|キャンセル|取り消し)"
    r"(?:を)?(?:して(?!い)|しろ|せよ|しなさい|してくれ|をお願い|お願い|したい|願います)|"
    r"(?:テーブル|表|ビュー|列|カラム|行|レコード|インデックス|データベース)を?(?:新しく|新規に?)?作(?:成し|っ)て|"
    r"(?:消し|書き換え|書き込ん|増やし|減らし|変え|加え|空にし|落とし|直し|入れ替え|取り除い|取り消し|倍にし|半分にし|0にし|ゼロにし)(?:て|で)(?!い)"
)
JAPANESE_READ = re.compile(r"(?:一覧|リスト|グラフ|レポート|集計表|ランキング)を?作")


def refuse(text: str) -> str:
    """One sentence saying why, or nothing where the question only asks."""
    asks_to_write = SQL.search(text) or LATER.search(text) or (not READS.match(text) and WRITE.match(text))
    if not asks_to_write:
        asks_to_write = JAPANESE.search(text) if not JAPANESE_READ.search(text) else None
    return "This asks to change data. Arctic Copilot only reads, so nothing was run." if asks_to_write else ""
