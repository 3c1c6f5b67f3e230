"""Which language a message is in, and its numbers, years and comparisons in the one way that a model reads surely.

Japanese writes 令和6年 for 2024 and ３以上 for at least 3; a small model knows neither well. What is meant is added in brackets or
put in place, so that nothing of the message is lost.
"""

import re
import unicodedata
from typing import Literal

Language = Literal["en", "ja", "de"]

JAPANESE = re.compile(r"[぀-ヿ㐀-鿿]")
GERMAN = re.compile(
    r"[äöüß]|\b(?:der|die|das|den|dem|des|ein|eine|einen|wie|viele|viel|welche|welcher|welches|wer|was|wo|wann|und|ohne|nur|mit|nach|pro|je|"
    r"zeige|zeig|gib|nenne|liste|sind|ist|war|waren|gibt|gab|hat|haben|alle|auch|bitte|nicht|von|im|für|letzten|jahr|monat|kunden|jetzt|davon|"
    r"dasselbe|stattdessen|insgesamt|hallo|erkläre|woher|lösche|als|absteigend|aufsteigend|sortiere|runde|prozent)\b",
    re.IGNORECASE,
)
ENGLISH = re.compile(
    r"\b(?:the|of|how|many|what|which|who|where|when|and|is|are|was|were|show|me|list|give|only|without|for|in|by|per|each|all|with|"
    r"about|those|them|it|that|this|now|instead|same|hello|please|does|do|can|you|from|as|delete|explain|sort|round)\b",
    re.IGNORECASE,
)
ERAS = {"令和": 2018, "平成": 1988, "昭和": 1925}
ERA = re.compile(r"(令和|平成|昭和)\s*(元|\d{1,2})\s*年(度?)")
FISCAL = re.compile(r"(\d{4})\s*年度")
COMPARED = (  # 3件以上 has 3 in it, 3件より多い has not
    (re.compile(r"(\d[\d,.]*)\s*(\S{0,3}?)以上"), r"\1\2以上 (>= \1)"),
    (re.compile(r"(\d[\d,.]*)\s*(\S{0,3}?)以下"), r"\1\2以下 (<= \1)"),
    (re.compile(r"(\d[\d,.]*)\s*(\S{0,3}?)未満"), r"\1\2未満 (< \1)"),
    (re.compile(r"(\d[\d,.]*)\s*(\S{0,3}?)(より多い|より大きい|を超える|超)"), r"\1\2\3 (> \1)"),
    (re.compile(r"(\d[\d,.]*)\s*(\S{0,3}?)(より少ない|より小さい)"), r"\1\2\3 (< \1)"),
)


def language_of(text: str) -> Language:
    """Japanese by its script; German where more of its small words or an umlaut are there than English ones."""
    if JAPANESE.search(text):
        return "ja"
    german, english = len(GERMAN.findall(text)), len(ENGLISH.findall(text))
    return "de" if german > english else "en"


def plain_text(text: str) -> str:
    """Full-width signs as plain ones, years of an era as years of ours, and what a comparison means beside it.

    >>> plain_text("令和６年の貸出が１０件以上の会員")
    '2024年の貸出が10件以上 (>= 10)の会員'
    """
    if not JAPANESE.search(text):
        return text
    text = unicodedata.normalize("NFKC", text)
    text = ERA.sub(lambda m: f"{ERAS[m[1]] + (1 if m[2] == '元' else int(m[2]))}年{m[3]}", text)
    text = FISCAL.sub(lambda m: f"{m[1]}年度 ({m[1]}-04-01 to {int(m[1]) + 1}-03-31)", text)
    for compared, meant in COMPARED:
        text = compared.sub(meant, text)
    return text
