"""What Schemathesis is told about this API: who calls, and what a JSON schema cannot say.

The driver writes what it has prepared into the file that FUZZ_STAGE names: the credentials of each operation, those of
another tenant, and the ids nothing may be done to because the run itself stands on them.
"""

import atexit
import base64
import json
import os
import re
from collections import Counter
from datetime import UTC, datetime

import requests
import schemathesis
from hypothesis import strategies as st
from schemathesis.core.parameters import ParameterLocation

with open(os.environ["FUZZ_STAGE"], encoding="utf-8") as stage:
    STAGE = json.load(stage)


def number_of(id):
    """The number an id stands for: an agent's is a ULID behind one of several prefixes, or the same number as a UUID."""
    if re.fullmatch(r"[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}", id):
        return int(id.replace("-", ""), 16)
    number = 0
    for digit in id.upper()[-26:]:
        number = number * 32 + "0123456789ABCDEFGHJKMNPQRSTVWXYZ".find(digit)
    return number


PICTURE = base64.b64decode(STAGE["picture"])
SPARED = frozenset(number_of(id) for id in STAGE["spared"])
CREDENTIALS = STAGE["credentials"]
# The orders that were made for one operation each.
ORDERS = frozenset(params["id"] for params in STAGE["params"].values() if str(params.get("id")).startswith("ord_"))
# So often another tenant tries an operation.
PROBES_MAX = 5

# Refusals of what the document allows, by what they say: rules for which a schema has no words. Any other 400 to a
# request the document allows is a finding.
UNSAYABLE = (
    "must lie in the future",
    "must lie before to, at most",
    "must not be later than to",
    "must hold at least one scope",
    "must be at most 128 scopes",
    "must be another agent",
    "must not be one of those the budget comes from",
    # How far the audit chain goes.
    "must not be beyond the last entry",
    # A product of two members.
    "must come to at least one minor unit",
    "times unit_price is more money than there can be",
    # A token says it for itself.
    "_id is required without a token",
    # In a header or in the body.
    "say which version you read: If-Match",
    "must be the version of If-Match, or left out",
    # Where an order stands, which the marketplace tells with 400 (contract atelier 4).
    '"INVALID_STATE"',
    # Base58 of 32 bytes: not every text of its letters.
    "must be a Solana address",
    # Whose a host is.
    "must name a host of the public internet",
    # What a file is, its first bytes tell.
    '"FILE_TYPE_INVALID"',
)

# Most members that are a `date-time` or a `date` want one that is yet to come.
MOMENTS = st.datetimes(min_value=datetime(2100, 1, 1), max_value=datetime(9000, 1, 1), timezones=st.just(UTC))
schemathesis.openapi.format(
    "date-time", MOMENTS.map(lambda moment: moment.isoformat(timespec="milliseconds").replace("+00:00", "Z"))
)
schemathesis.openapi.format("date", MOMENTS.map(lambda moment: moment.date().isoformat()))

# The addresses we take are fewer than those a mail may have: no quotes, no literals of an IP.
ATOM, LABEL = "[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]{1,12}", "[A-Za-z0-9]([A-Za-z0-9-]{0,20}[A-Za-z0-9])?"
schemathesis.openapi.format(
    "email", st.from_regex(rf"{ATOM}(\.{ATOM}){{0,3}}@{LABEL}(\.{LABEL}){{1,3}}", fullmatch=True, alphabet=st.characters(codec="ascii"))
)


def name_of(case):
    return case.operation.definition.raw["operationId"]


@schemathesis.auth(refresh_interval=None)
class OwnCredential:
    """Every operation is called by who may call it."""

    def get(self, case, context):
        return CREDENTIALS[name_of(case)]

    def set(self, case, data, context):
        case.headers.update(data)


class Counts:
    """What came of each operation, and what has been used up."""

    def __init__(self):
        self.statuses = {name: Counter() for name in CREDENTIALS}
        self.used_keys = set()
        self.calls = 0
        self.cursors = {}
        self.probed = Counter()

    def write(self):
        with open(os.environ["FUZZ_COUNTS"], "w", encoding="utf-8") as file:
            json.dump({name: dict(counter) for name, counter in self.statuses.items()}, file)


COUNTS = Counts()
atexit.register(COUNTS.write)


def whole(value):
    """`1.0` is an integer to JSON Schema and none to us (contract README 6): it is sent as `1`."""
    if isinstance(value, dict):
        return {name: whole(item) for name, item in value.items()}
    if isinstance(value, list):
        return [whole(item) for item in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value


@schemathesis.hook
def before_call(context, case, kwargs):
    spare(case)
    keep_to_ourselves(case)
    if case.meta is None:
        return
    COUNTS.calls += 1
    if not case.meta.is_negative_at(ParameterLocation.HEADER):
        tell_apart(case)
    if case.meta.generation.mode.is_positive:
        make_sense(case)


def tell_apart(case):
    """Headers whose refusal, right as it is, would hide what the rest of the request has coming."""
    key = case.headers.get("Idempotency-Key")
    if key is not None:
        # A key that stands for another body is 422; what repeats do is told in tests/edge/idempotency.test.ts.
        bare = key[1:-1] if len(key) > 1 and key[0] == key[-1] == '"' else key
        if bare in COUNTS.used_keys:
            bare = case.headers["Idempotency-Key"] = f"fuzz-{COUNTS.calls}"
        COUNTS.used_keys.add(bare)
    if "X-Tenant-ID" in case.headers and (COUNTS.calls % 8 or not case.meta.generation.mode.is_positive):
        # A tenant that is not the caller's is 403: one in eight is enough.
        case.headers["X-Tenant-ID"] = STAGE["tenants"][COUNTS.calls % 2]


def make_sense(case):
    """What a schema cannot say and a request that it allows must keep to."""
    if isinstance(case.body, (dict, list)):
        case.body = whole(case.body)
    if case.operation.path.startswith("/api/orders/{id}") and not is_own(case):
        # Ids are drawn from what was listed. What was made for this operation comes first, and what was made for another is left to it.
        case.path_parameters.update(STAGE["params"][name_of(case)])
    if COUNTS.calls % 4 and isinstance(case.body, dict):
        # An id that was made up is 404: one in four is enough.
        items = case.body.get("items")
        for body in (case.body, *(items if isinstance(items, list) else ())):
            body.update({name: id for name, id in STAGE["known"].items() if body.get(name) is not None})
    credential = CREDENTIALS[name_of(case)].get("authorization", "")
    if credential.startswith("Bearer atelier_"):
        # Some of these sell from a tenant of their own.
        case.headers.pop("X-Tenant-ID", None)
    elif credential:
        # These have more than one tenant and must name it.
        case.headers["X-Tenant-ID"] = case.headers.get("X-Tenant-ID") or STAGE["tenants"][0]
    if case.media_type == "multipart/form-data" and isinstance(case.body, dict) and COUNTS.calls % 4:
        # What a file is, its first bytes tell: what was made up is none that is taken.
        case.body["file"] = PICTURE
    if "cursor" in (case.query or {}):
        # A cursor is what an earlier page gave and nothing else.
        cursor = COUNTS.cursors.get(name_of(case))
        if cursor is None:
            del case.query["cursor"]
        else:
            case.query["cursor"] = cursor
    if "wait_s" in (case.query or {}):
        # Nobody here makes an event while another waits for it.
        case.query["wait_s"] = 0
    if case.path == "/v1/tenant/kill-switch" and isinstance(case.body, dict):
        # Turned on it would end the run for everybody else.
        case.body["on"] = False


def is_own(case):
    """Whether an order may be moved by this operation: none that another one still needs as it is, and its own before all others."""
    name = name_of(case)
    has_succeeded = any(status < 400 for status in COUNTS.statuses[name])
    return has_succeeded and case.path_parameters["id"] not in ORDERS - {STAGE["params"][name].get("id")}


def spare(case):
    """What this run stands on is listed like anything else, its own key for one, and would be revoked by the first to try."""
    ends = case.method in ("DELETE", "PUT") or case.path.endswith(("/suspend", "/revoke"))
    if not ends and (case.method, case.path) != ("PATCH", "/v1/agents/{id}"):
        return
    for name, value in (case.path_parameters or {}).items():
        if isinstance(value, str) and number_of(value) in SPARED:
            case.path_parameters[name] = f"{value[:-6]}000000"


def keep_to_ourselves(case):
    """Webhooks go to whom a generated URL names: nobody else is to hear of this run."""
    if isinstance(case.body, dict) and str(case.body.get("url")).startswith("http"):
        case.body["url"] = STAGE["nowhere"]


@schemathesis.hook
def filter_failure(context, failure, case, response):
    if isinstance(case.body, dict) and case.body.get("file") is PICTURE:
        # Bytes are no string to a schema, so a form that holds them breaks it whatever else it holds.
        return type(failure).__name__ != "AcceptedNegativeData"
    is_refusal = type(failure).__name__ == "RejectedPositiveData" and response.status_code in (400, 428)
    return not (is_refusal and (any(rule in response.text for rule in UNSAYABLE) or is_astray(case)))


def is_astray(case):
    """Follow-ups are guessed by name: one may put an agent's id where a mandate's belongs, which the document does not allow."""
    parameters = (parameter for parameter in case.operation.definition.raw["parameters"] if parameter["in"] == "path")
    return not all(re.search(parameter["schema"]["pattern"], case.path_parameters[parameter["name"]]) for parameter in parameters)


@schemathesis.hook
def after_call(context, case, response):
    if response.request.method != case.operation.method.upper():
        # What other methods come to is checked, and says nothing of the operation.
        return
    COUNTS.statuses[name_of(case)][response.status_code] += 1
    if response.status_code == 200 and case.method == "GET":
        try:
            cursor = response.json().get("next_cursor")
        except (ValueError, AttributeError):
            return
        if cursor:
            COUNTS.cursors[name_of(case)] = cursor


@schemathesis.check
def another_tenant_finds_nothing(ctx, response, case):
    """Whatever one tenant reaches by its id, another one gets a 404 for, and the same one as for an id that never was."""
    name = name_of(case)
    is_success = case.path_parameters and 200 <= response.status_code < 300
    # At the marketplace an agent may also be told that a thing is another's: 403. Others there are wallets, and operators.
    is_market = case.operation.path.startswith("/api/")
    if is_market and not CREDENTIALS[name].get("authorization", "").startswith("Bearer atelier_"):
        return
    # OPTIONS is answered from the route table, to anyone.
    if not is_success or response.request.method == "OPTIONS" or not CREDENTIALS[name] or COUNTS.probed[name] >= PROBES_MAX:
        return
    COUNTS.probed[name] += 1
    asked = response.request
    headers = {
        header: value
        for header, value in asked.headers.items()
        if header.lower() not in ("authorization", "cookie", "x-api-key", "x-tenant-id", "idempotency-key", "content-length")
    }
    if "Idempotency-Key" in asked.headers:
        headers["Idempotency-Key"] = f"neighbour-{name}-{COUNTS.probed[name]}"
    neighbour = STAGE["neighbour_seller" if is_market else "neighbour"]
    answer = requests.request(
        asked.method, asked.url, data=asked.body, headers=headers | neighbour, timeout=30, allow_redirects=False
    )
    if answer.status_code not in ((403, 404) if is_market else (404,)):
        raise AssertionError(f"another tenant got {answer.status_code} at {asked.method} {asked.url}: {answer.text[:300]}")
