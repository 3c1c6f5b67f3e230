"""Cortex's REST interface: `https://ACCOUNT.snowflakecomputing.com/api/v2/cortex/v1#NAME`, a token in the key setting.

It is OpenAI's chat API with exceptions, so the client is OpenAI's, and this file holds the exceptions: `max_tokens` and
fields of some models are errors, so only those go out that every model takes; all models but OpenAI's give one reply
whatever `n` says, so several drafts are several requests; few give probabilities, so whether the schema can tell is asked
in words; errors have bodies of Snowflake's own. Source: Snowflake's documentation, "Cortex REST API".
"""

import base64
import json
from typing import Any, NamedTuple
from urllib.parse import urldefrag, urlparse

import openai
from langchain_core.callbacks import CallbackManagerForLLMRun
from langchain_core.messages import BaseMessage
from langchain_core.outputs import ChatGeneration, ChatResult
from langchain_openai import ChatOpenAI
from pydantic import SecretStr

from sql_tools.errors import ModelError, SettingsError
from sql_tools.llms.key import key_of, without_key
from sql_tools.llms.stoppable import stoppable_client
from sql_tools.settings import LOOPBACK, Settings

PATH = "/api/v2/cortex/v1"
TYPE_HEADER = "X-Snowflake-Authorization-Token-Type"
SENT = ("model", "messages", "max_completion_tokens", "temperature", "stream")  # what every model there takes
MAX_TOKENS = 4096  # Cortex's own default; models that think do so within it
TIMEOUT_SECONDS = 120.0
MAX_RETRIES = 2  # of 429 and 5xx, each time after a longer wait
SESSION_EXPIRED = "390112"  # comes with HTTP 200
EXAMPLE = f"Write it like https://ACCOUNT.snowflakecomputing.com{PATH}#NAME."


class Refusal(NamedTuple):
    """What an HTTP status means there, where the server's words hold `words`."""

    status: int
    words: str
    message: str
    hint: str


TOKEN = Refusal(
    401, "", "Snowflake did not accept the token in ARCTIC_COPILOT_API_KEY.",
    "It may have expired; the user of a programmatic access token needs a network policy. docs/snowflake.md says how to get one.",
)  # fmt: skip
REFUSALS = (
    Refusal(400, "unknown model", "Cortex has no model {model} for this account.",
            "SHOW CORTEX BASE MODELS lists what there is; some need cross-region inference."),
    Refusal(400, "max tokens", "The prompt is longer than {model} takes.",
            "Take another model, or show it less: ARCTIC_COPILOT_MAX_PROMPT_COLUMNS."),
    Refusal(400, "throttled", "Cortex is busy: it throttled {model}.", "Ask again in a minute, or take another model."),
    Refusal(400, "", "Cortex refused the request: {said}", "Try another model."),
    TOKEN,
    Refusal(402, "", "The account's budget for models is used up.", "Ask an administrator, or take another model."),
    Refusal(403, "", "This token may not use Cortex: {said}",
            "Its user's default role needs the database role SNOWFLAKE.CORTEX_REST_API_USER; trial accounts may lack Cortex."),
    Refusal(404, "", "There is no Cortex at this URL.", EXAMPLE),
    Refusal(429, "", "Too many requests or tokens in a minute for {model}.", "Ask again in a minute."),
    Refusal(503, "", "{model} took too long, or is not to be had now: {said}", "Ask again, or take another model."),
    Refusal(504, "", "{model} took too long.", "Ask again, or take another model."),
)  # fmt: skip


class CortexChat(ChatOpenAI):
    """A model behind Cortex's REST; each failure is a ModelError that says what to do and never holds the token."""

    says_yes_or_no: bool = True
    may_stream: bool = False  # errors of a stream would pass by what is said of them here
    takes_temperature: bool = True  # until it says otherwise, as models that think do

    def _get_request_payload(self, input_: Any, *, stop: list[str] | None = None, **kwargs: Any) -> dict[str, Any]:
        payload = super()._get_request_payload(input_, stop=stop, **kwargs)
        names = SENT if self.takes_temperature else [name for name in SENT if name != "temperature"]
        return {name: payload[name] for name in names if name in payload}

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        results = [self._one(messages, **{**kwargs, "n": 1}) for _ in range(int(kwargs.get("n", 1)))]
        generations: list[ChatGeneration] = [one for result in results for one in result.generations]
        return ChatResult(generations=generations, llm_output=results[-1].llm_output)

    def _one(self, messages: list[BaseMessage], **options: Any) -> ChatResult:
        try:
            return super()._generate(messages, **options)
        except openai.BadRequestError as error:
            if self.takes_temperature and "temperature" in _said(error.body):
                self.takes_temperature = False
                return self._one(messages, **options)
            raise self._refused(error) from None  # its text may hold what was sent
        except openai.APIStatusError as error:
            raise self._refused(error) from None
        except openai.APITimeoutError:
            raise ModelError(f"{self.model_name} took too long.", "Ask again, or take another model.") from None
        except openai.APIConnectionError:
            raise ModelError("Cortex cannot be reached.", f"Check the network and the account. {EXAMPLE}") from None
        except (KeyError, TypeError, ValueError):  # HTTP 200, and no reply in it
            raise ModelError("Cortex answered with what is no reply.", EXAMPLE) from None

    def _create_chat_result(self, response: Any, generation_info: dict[str, Any] | None = None) -> ChatResult:
        if str(getattr(response, "code", "")) == SESSION_EXPIRED:
            raise ModelError(TOKEN.message, TOKEN.hint)
        return super()._create_chat_result(response, generation_info)

    def _refused(self, error: openai.APIStatusError) -> ModelError:
        said = _said(error.body)
        known = next((r for r in REFUSALS if r.status == error.status_code and r.words in said.casefold()), None)
        if known is None:
            return ModelError(f"Cortex failed with HTTP {error.status_code}.", "Ask again, or take another model.")
        words = without_key(said, self.openai_api_key)[:200] or "it gave no reason."
        return ModelError(known.message.format(model=self.model_name, said=words), known.hint)


def create(settings: Settings) -> CortexChat:
    """The model that `settings.model` names after `#`; SettingsError if there is no name, no token, or no https."""
    url, name = urldefrag(settings.model)
    parts = urlparse(url)
    token = key_of(settings)
    if not name or not parts.hostname:
        raise SettingsError(f"{url!r} names no model of Cortex.", EXAMPLE)
    if parts.scheme != "https" and parts.hostname not in LOOPBACK:
        raise SettingsError("A token for Snowflake goes over https only.", EXAMPLE)
    if not token:
        raise SettingsError(
            "Cortex's REST wants a token, and ARCTIC_COPILOT_API_KEY is empty.",
            "Put a programmatic access token there; docs/snowflake.md says how to get one.",
        )
    kind = token_type(token)
    return CortexChat(
        base_url=f"{parts.scheme}://{parts.netloc}{PATH}",
        model=name,
        api_key=SecretStr(token),
        default_headers={TYPE_HEADER: kind} if kind else None,
        temperature=0.0,
        max_tokens=MAX_TOKENS,
        timeout=TIMEOUT_SECONDS,
        max_retries=MAX_RETRIES,
        use_responses_api=False,
        http_client=stoppable_client(trust_env=parts.hostname not in LOOPBACK),
    )


def is_cortex(url: str) -> bool:
    """Is it Cortex's address, be it by a private link or on this machine?"""
    return (urlparse(url).path + "/").startswith(PATH + "/")


def token_type(token: str) -> str:
    """What the token is, where its form tells; else empty, and Snowflake finds out by itself.

    Source: Snowflake's "Authenticating Snowflake REST APIs", issuer of a key pair's JWT; OAuth tokens begin `ver:`.

    >>> token_type("ver:1-hint:123-ETMsDgAAAX"), token_type("some-programmatic-access-token")
    ('OAUTH', '')
    """
    if token.startswith("ver:"):
        return "OAUTH"
    try:
        body = token.split(".")[1]
        issuer = json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))["iss"]
    except (LookupError, ValueError, TypeError):
        return ""
    return "KEYPAIR_JWT" if ".SHA256:" in str(issuer) else ""


def _said(body: object) -> str:
    """The server's words: `{"message"}` of Snowflake's, or `{"error": {"message"}}`, which the client unwraps."""
    return str(body.get("message") or "") if isinstance(body, dict) else ""
