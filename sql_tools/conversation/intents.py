"""What a message wants, where its words alone say so; what they leave open is asked of the model (`resolve`).

Rules only, in English, Japanese and German: a first question costs no call of the model.
"""

import re

from sql_tools.models import Intent
from sql_tools.retrieval.vocabulary import NOTHING_SAID
from sql_tools.words import words_of

HELLO = re.compile(
    r"\W*(?:hello|hi|hey|good (?:morning|afternoon|evening)|thanks?(?: you)?|thx|こんにちは|こんばんは|おはよう(?:ございます)?|はじめまして|"
    r"ありがとう(?:ございます)?|hallo|guten (?:tag|morgen|abend)|moin|servus|danke(?: schön)?)(?:\s+(?:there|you|all|zusammen))?\W*",
    re.IGNORECASE,
)
ABOUT_US = re.compile(
    r"\bwhat (?:can|could|should) (?:i|we) (?:ask|do|query)|\bwhat (?:can|do) you (?:do|know|answer)|\bhow (?:do|does|can) (?:you|this|it|i) "
    r"(?:work|help|use)|\bwho are you\b|\bwhat are you\b|\bwhat is this (?:tool|app|thing|copilot)|^\W*help\W*(?:me\W*)?$|\bexamples? (?:of )?questions?|"
    r"\bwhat (?:kind|sort) of questions|何が(?:できます|聞けます|できる|聞ける|質問できる|質問できます)|何を(?:聞け|質問でき|聞いたら)|使い方|"
    r"(?:どんな|どのような)(?:こと|質問)(?:が|を)|あなたは(?:誰|何)|ヘルプ|\bwas (?:kann|könnte|darf) (?:ich|man) (?:dich |hier |dir )?(?:fragen|machen|tun)|"
    r"\bwas (?:kannst|weißt) du|\bwie (?:funktionierst du|funktioniert das|geht das)|\bwer bist du|^\W*hilfe\W*$|\bwelche fragen",
    re.IGNORECASE,
)
TABLES = re.compile(
    r"\b(?:which|what) (?:tables|data|datasets|data sets) (?:are|is|do|does|can|exist|have you|there)\b(?! .*\b(?:more|less|most|least|than)\b)|\b(?:list|show)(?: me)?(?: all)?(?: the| your)? tables\b|"
    r"\bwhat (?:is|'s) in (?:the|this|your) (?:data|database|warehouse)|\bwhat data (?:is|do you|have)|"
    r"(?:どんな|どのような|何の|どの)(?:テーブル|データ|表)(?:が|は)|テーブル(?:の)?一覧|データベースに(?:は)?何が|"
    r"\bwelche (?:tabellen|daten)\b|\bwas (?:ist|steht|gibt es) (?:in|an) (?:der |den |dieser )?(?:datenbank|daten)|\b(?:zeig\w*|liste) (?:mir )?(?:alle )?(?:die )?tabellen",
    re.IGNORECASE,
)
MEANS = re.compile(
    r"\bwhat (?:does|do) .{1,80}?\b(?:mean|stand for|contain|refer to)\W*$|\bwhat is meant by\b|\bmeaning of\b|^\W*define\b|\bdefinition of\b|"
    r"\b(?:what|which) (?:columns|fields) (?:does|do|are|has|have|is)\b|\bdescribe (?:the )?(?:table|column)\b|"
    r"(?:と|って)(?:いうのは)?(?:は)?(?:何|なに|どういう意味)|の意味(?:は|を)|どんな(?:列|カラム|項目)|(?:列|カラム|項目)(?:は|の一覧|には)|"
    r"\bwas (?:bedeutet|bedeuten|heißt|steht in)\b|\bbedeutung von\b|\bwelche (?:spalten|felder)\b|\bwofür steht\b",
    re.IGNORECASE,
)
FRESH = re.compile(
    r"\bhow (?:fresh|recent|current|up[ -]to[ -]date|old) (?:is|are)\b.*\bdata|\b(?:how far|until when|up to when|since when|what period|what (?:time|date) range|"
    r"what dates?)\b.*\b(?:data|cover|go|reach|have|available)|\b(?:latest|last|newest) (?:data|update)\b|\bwhen was (?:the data|it|this) (?:last )?updated|"
    r"データは?(?:いつ|どの期間|何年)|いつ(?:まで|から)の(?:データ|記録)|(?:最新|直近)の(?:データ|記録)(?:は|が)?(?:いつ)|データの(?:期間|鮮度)|最終更新|"
    r"\bwie (?:aktuell|alt|frisch) sind (?:die |deine |diese )?daten|\b(?:bis|seit) wann\b.*\b(?:daten|reichen|gibt es)|\bwelche[nr]? zeitraum\b|\bstand der daten\b",
    re.IGNORECASE,
)
EXPLAIN = re.compile(
    r"^\W*(?:please |can you |could you )?(?:explain|break (?:this|that|it) down|walk me through)\b|\bwhere (?:does|do|did) (?:this|that|the|these|those)\b.*"
    r"\b(?:come|came) from|\bhow (?:did|do) you (?:get|compute|calculate|arrive|come|know|count)|\bhow (?:is|was|are|were) (?:this|that|it|these|the (?:number|result|"
    r"figure|total|sum|average|value)s?)\b.*\b(?:computed|calculated|counted|derived|made)|\bwhat does (?:this|that|the) (?:sql|query|number|figure) (?:do|mean)|"
    r"\bwhy (?:is|are) (?:this|that|it|the (?:number|result)s?) (?:so|right)|\bcan i trust|\bwhat (?:is|was) (?:this|that|it) based on|\bwhich (?:tables|columns|filters) "
    r"(?:did you|were|was|are) use|\bwhat (?:filters?|conditions?) (?:did you|were|are|was)|"
    r"(?:この|その|今の|さっきの)?(?:SQL|クエリ|数字|数値|結果|答え|値)(?:を|は|の)(?:説明|根拠|どうやって|どのように|どこから|計算)|説明して|根拠(?:は|を)|"
    r"どうやって(?:計算|出し|求め|数え)|どこから(?:来|出)|どの(?:テーブル|列)を使|"
    r"^\W*(?:bitte )?erklär\w*|\bwoher (?:kommt|kommen|stammt|stammen|weißt)|\bwie (?:kommst du|hast du|wurde|wird|ist)\b.*\b(?:darauf|berechnet|gezählt|ermittelt|"
    r"zustande|gerechnet)|\bwas macht (?:diese|dieses|das) (?:sql|abfrage)",
    re.IGNORECASE,
)
LEANS = re.compile(  # what only an earlier question completes
    r"^\W*(?:and|but|or|also|only|just|without|except|excluding|including|plus|instead|now|then|what about|how about|same|the same|ditto|again|"
    r"for|in|by|per|from|since|until|before|after|split|broken down|break (?:it|that|them|this) down|group(?:ed)?|as well|no,|not|sorry|actually|make (?:it|that)|"
    r"change|remove|drop|add|use|swap|replace|limit|filter|exclude|include|leave out|keep)\b|"
    r"\b(?:them|those|these|they|their|that one|this one|the (?:first|second|third|fourth|fifth|last) one|the same|of which|the others?|the rest|"
    r"the former|the latter|instead|as well|previous(?:ly)?)\b|"
    r"(?:だけ|のみ|別(?:に|で|は)?|ごと(?:に)?|は[？?]|も[。？?]?|除いて|除く|除外(?:して)?|抜きで|以外)\W*$|^(?:では|じゃあ|それでは|次に|あと|その|それ|同じ|これ|この|さっき|ちなみに|逆に)|"
    r"(?:番目|同様|同じ条件|同じく|その中|そのうち|それら|それぞれ)|"
    r"^\W*(?:und|aber|oder|auch|nur|ohne|außer|statt|stattdessen|jetzt|dann|was ist mit|wie sieht es|dasselbe|das gleiche|das ganze|gleiche[srn]?|nochmal|für|im|in|nach|pro|je|"
    r"bei|seit|vor|aufgeteilt|gruppiert|bitte nur|doch|lieber|ohne die|mit)\b|\b(?:davon|dazu|darunter|dieser?|diese[ns]?|dasselbe|derselbe|der (?:erste|zweite|dritte|letzte)|"
    r"die (?:erste|zweite|dritte|letzte)|das (?:erste|zweite|dritte|letzte)|die gleichen|denen|deren|insgesamt statt|stattdessen)\b",
    re.IGNORECASE,
)
ASKS = re.compile(  # a message with a question or an order of its own
    r"\b(?:how (?:many|much|often|long|old)|what|which|who|whose|where|when|show|list|find|give|count|name|display|tell|get|compute|calculate|total|average|"
    r"wie viele?|welche[rsnm]?|wer|was|wo|wann|zeig\w*|nenne?|gib|liste)\b|(?:いくつ|何件|何人|何冊|何回|何台|どの|どれ|誰|いつ|教えて|一覧|見せて|表示して|出して|合計は|件数は|平均は)",
    re.IGNORECASE,
)
VAGUE = re.compile(
    r"\W*(?:(?:show|give|tell) (?:me )?(?:the |some |all the )?(?:numbers?|data|stats?|statistics|figures|kpis?|insights?|something(?: interesting)?|everything|an overview)|"
    r"how (?:are we|is it|is business|are things|is everything|'s it)(?: doing| going)?|what'?s (?:up|new|going on)|anything interesting|surprise me|"
    r"(?:いい感じ|面白い|おもしろい|何か|なにか|適当)\S*(?:データ|数字|もの|こと|情報|見せて|教えて)\S*|(?:調子|状況|様子)は(?:どう\S*)?|データ(?:を)?(?:見せて|ください|ちょうだい)|"
    r"wie (?:läuft'?s|läuft es|geht'?s|geht es|sieht'?s aus|steht es|stehen wir)(?: \w+)?|(?:zeig|gib) (?:mir )?(?:mal )?(?:die |ein paar |irgendwelche )?(?:zahlen|daten|kennzahlen|was|etwas)|"
    r"was gibt'?s neues|irgendwas interessantes)\W*",
    re.IGNORECASE,
)


def intent_of(text: str, *, has_history: bool) -> Intent | None:
    """What the words alone say; None where the model has to tell a question of its own from one that leans on the last."""
    if (
        HELLO.fullmatch(text)
        or ABOUT_US.search(text)
        or TABLES.search(text)
        or FRESH.search(text)
        or MEANS.search(text)
    ):
        return "help" if not (has_history and EXPLAIN.search(text)) else "explain"
    if has_history and EXPLAIN.search(text):
        return "explain"
    if VAGUE.fullmatch(text) or (not has_history and says_nothing(text)):
        return "vague"
    if not has_history:
        return "question"
    if LEANS.search(text) or not ASKS.search(text):
        return "follow_up"
    return None


def says_nothing(text: str) -> bool:
    """Is there no word in it that could name anything in a schema?"""
    return not [word for word in words_of(text) if word not in NOTHING_SAID]
