"""How an answer says that its SQL is one a person vouched for: a check of its own, and no model beside it."""

from sql_tools.models import Answer, Check, Semantics, Verified

CHECK = "verified_query"
LAPSED = "the verified query of this question can no longer be used, so the model wrote the SQL"
NO_MODEL = "none: a verified query"


def verified_check(query: Verified, semantics: Semantics) -> Check:
    """Who verified it, when, and where that is written."""
    by = f" by {query.by}" if query.by else ""
    on = f" on {query.on}" if query.on else ""
    return Check(name=CHECK, outcome="passed", detail=f"verified{by}{on}, in {semantics.source}: {query.question}")


def verified_answer(answer: Answer) -> Answer:
    """The answer, saying that no model wrote its SQL."""
    card = answer.proof and answer.proof.model_copy(update={"model": NO_MODEL, "weights": "", "prompt_hash": ""})
    return answer.model_copy(update={"model": NO_MODEL, "proof": card})
