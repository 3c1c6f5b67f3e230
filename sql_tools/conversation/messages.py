"""What we say of an answer, in the asker's language. English is the text of all others where one is missing."""

import re

from sql_tools.conversation.languages import Language

TEXTS: dict[str, dict[Language, str]] = {
    "hello": {
        "en": "I turn questions about this data into checked SQL, and show the rows. I only read. There are {tables}. You can ask, for example:",
        "ja": "このデータについての質問を、確認済みのSQLにして、結果をお見せします。読むだけで、変更はしません。{tables}があります。例えば、次のように質問できます。",
        "de": "Ich mache aus Fragen zu diesen Daten geprüftes SQL und zeige die Zeilen. Ich lese nur. Es gibt {tables}. Zum Beispiel:",
    },
    "tables": {
        "en": "There are {count} tables:\n{lines}",
        "ja": "テーブルは{count}個あります。\n{lines}",
        "de": "Es gibt {count} Tabellen:\n{lines}",
    },
    "rows": {"en": "{n} rows", "ja": "{n}行", "de": "{n} Zeilen"},
    "columns": {
        "en": "{table} ({rows}) has the columns:\n{lines}",
        "ja": "{table}({rows})の列は次のとおりです。\n{lines}",
        "de": "{table} ({rows}) hat die Spalten:\n{lines}",
    },
    "column": {
        "en": "{column} is a column of {table} ({type}).{comment}{values}",
        "ja": "{column}は{table}の列です({type})。{comment}{values}",
        "de": "{column} ist eine Spalte von {table} ({type}).{comment}{values}",
    },
    "key": {"en": " It refers to {target}.", "ja": " {target}を参照します。", "de": " Sie verweist auf {target}."},
    "values": {"en": " Values: {values}.", "ja": " 値: {values}。", "de": " Werte: {values}."},
    "not_found": {
        "en": "No table or column here is called like that. There are {tables}.",
        "ja": "そのような名前のテーブルや列はありません。{tables}があります。",
        "de": "Hier heißt keine Tabelle oder Spalte so. Es gibt {tables}.",
    },
    "fresh": {
        "en": "What the data reaches to:\n{lines}",
        "ja": "データの期間は次のとおりです。\n{lines}",
        "de": "So weit reichen die Daten:\n{lines}",
    },
    "span": {"en": "{column}: {first} to {last}", "ja": "{column}: {first} から {last} まで", "de": "{column}: {first} bis {last}"},
    "no_dates": {
        "en": "No column here holds dates, so the data does not say how recent it is.",
        "ja": "日付の列がないため、いつのデータかは分かりません。",
        "de": "Keine Spalte enthält Daten mit Datum, also ist nicht zu sehen, wie aktuell sie sind.",
    },
    "vague": {
        "en": "What would you like to know? You can choose one of these, or ask in your own words.",
        "ja": "何をお知りになりたいですか。次から選ぶか、ご自分の言葉でお尋ねください。",
        "de": "Was möchten Sie wissen? Wählen Sie eine dieser Fragen, oder fragen Sie in Ihren Worten.",
    },
    "from_above": {
        "en": "From the answer above: {what}.",
        "ja": "上の結果から: {what}。",
        "de": "Aus der Antwort oben: {what}.",
    },
    "chart": {"en": "{type} chart of {y} by {x}", "ja": "{x}別の{y}のグラフ({type})", "de": "{type}-Diagramm: {y} nach {x}"},
    "refused": {
        "en": "This asks to change data. Arctic Copilot only reads, so nothing was run.",
        "ja": "データの変更の依頼です。Arctic Copilotは読み取り専用なので、何も実行していません。",
        "de": "Das soll Daten ändern. Arctic Copilot liest nur, also wurde nichts ausgeführt.",
    },
    "nothing_above": {
        "en": "There is no answer above that this could be about. Ask a question first.",
        "ja": "対象になる回答がまだありません。まず質問してください。",
        "de": "Oben steht noch keine Antwort, auf die sich das beziehen könnte. Stellen Sie zuerst eine Frage.",
    },
    "which_row": {
        "en": "The answer above does not show such a row. Name what you mean.",
        "ja": "上の結果にそのような行はありません。名前でお知らせください。",
        "de": "Die Antwort oben zeigt keine solche Zeile. Nennen Sie, was Sie meinen.",
    },
    "no_rows": {"en": "No rows match.", "ja": "該当する行はありません。", "de": "Keine Zeile passt."},
    "one_row": {"en": "One row.", "ja": "1行です。", "de": "Eine Zeile."},
    "n_rows": {"en": "{n} rows.", "ja": "{n}行です。", "de": "{n} Zeilen."},
    "first_rows": {
        "en": "The first {n} rows; there are more.",
        "ja": "最初の{n}行です。続きがあります。",
        "de": "Die ersten {n} Zeilen; es gibt mehr.",
    },
    "how": {"en": "How this was found: {reading}", "ja": "この結果の求め方: {reading}", "de": "So wurde das gefunden: {reading}"},
    "of_tables": {"en": "Read: {tables}.", "ja": "読んだテーブル: {tables}。", "de": "Gelesen: {tables}."},
    "of_filters": {"en": "Only rows where {filters}.", "ja": "条件: {filters}。", "de": "Nur Zeilen mit: {filters}."},
    "of_column": {"en": "{name} is {expression}, from {sources}.", "ja": "{name} = {expression}({sources}から)。", "de": "{name} ist {expression}, aus {sources}."},
    "of_join": {"en": "Joined on {keys}.", "ja": "結合: {keys}。", "de": "Verbunden über {keys}."},
    "changed_since": {
        "en": "The data changed since the answer above; these are the rows as they are now.",
        "ja": "上の回答の後にデータが変わりました。現在の行です。",
        "de": "Die Daten haben sich seit der Antwort oben geändert; das sind die Zeilen von jetzt.",
    },
    "cannot": {
        "en": "I can't answer that from this schema: its tables are {tables}.",
        "ja": "このデータからは答えられません。テーブルは{tables}です。",
        "de": "Das lässt sich aus diesen Daten nicht beantworten. Es gibt die Tabellen {tables}.",
    },
    "cannot_about": {
        "en": "I can't answer that from this schema: it says nothing about {what}; its tables are {tables}.",
        "ja": "このデータからは答えられません。{what}に関するものがありません。テーブルは{tables}です。",
        "de": "Das lässt sich aus diesen Daten nicht beantworten: nichts darin sagt etwas über {what}. Es gibt die Tabellen {tables}.",
    },
    "dropped": {"en": "No longer asked: {filters}.", "ja": "外した条件: {filters}。", "de": "Nicht mehr verlangt: {filters}."},
}  # fmt: skip


SENTENCES = (  # what `answer` and the pipeline say in English, and which text it is
    (re.compile(r"No rows match\.(.*)", re.DOTALL), "no_rows", ()),
    (re.compile(r"One row\.(.*)", re.DOTALL), "one_row", ()),
    (re.compile(r"([\d,]+) rows\.(.*)", re.DOTALL), "n_rows", ("n",)),
    (re.compile(r"The first ([\d,]+) rows; there are more\.(.*)", re.DOTALL), "first_rows", ("n",)),
    (re.compile(r"I can't answer that from this schema: (?:it says nothing about (.+?); )?its tables are (.+?)\.(.*)", re.DOTALL), "cannot", ("what", "tables")),
)  # fmt: skip


def in_language(message: str, language: Language) -> str:
    """A message of the pipeline in the asker's language; as it is where we have no other words for it."""
    if language == "en":
        return message
    for pattern, text, names in SENTENCES:
        if found := pattern.fullmatch(message):
            parts = dict(zip(names, found.groups(), strict=False))
            key = "cannot_about" if text == "cannot" and parts.get("what") else text
            return say(key, language, **parts) + (found.groups()[-1] or "")
    return message


def say(text: str, language: Language, /, **parts: object) -> str:
    """The text in the language, its gaps filled."""
    texts = TEXTS[text]
    return texts.get(language, texts["en"]).format(**parts)
