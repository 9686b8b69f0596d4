"""What Schemathesis is told about this API: who calls, and what a JSON schema cannot say.

The driver writes what it has prepared into the file that FUZZ_STAGE names: the credentials of each operation, those of
another tenant, and the ids nothing may be done to because the run itself stands on them.
"""

import atexit
import json
import os
from collections import Counter
from datetime import UTC, datetime

import requests
import schemathesis
from hypothesis import strategies as st
from schemathesis.core.parameters import ParameterLocation

with open(os.environ["FUZZ_STAGE"], encoding="utf-8") as stage:
    STAGE = json.load(stage)

SPARED = frozenset(id.upper()[-26:] for id in STAGE["spared"])
CREDENTIALS = STAGE["credentials"]
# So often another tenant tries an operation.
PROBES_MAX = 5

# Refusals of what the document allows, by what they say: rules for which a schema has no words. Any other 400 to a
# request the document allows is a finding.
UNSAYABLE = (
    "must lie in the future",
    "must hold at least one scope",
    "must be another agent",
    "must name one action",
    "is needed, or an action",
)

# Most members that are a `date-time` want one that is yet to come.
schemathesis.openapi.format(
    "date-time",
    st.datetimes(min_value=datetime(2100, 1, 1), max_value=datetime(9000, 1, 1), timezones=st.just(UTC)).map(
        lambda moment: moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    ),
)

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


def spare(case):
    """What this run stands on is listed like anything else, its own key for one, and would be revoked by the first to try."""
    if case.method in ("GET", "HEAD"):
        return
    for name, value in (case.path_parameters or {}).items():
        if isinstance(value, str) and value.upper()[-26:] in SPARED:
            case.path_parameters[name] = f"{value[:-6]}000000"


@schemathesis.hook
def filter_failure(context, failure, case, response):
    is_refusal = type(failure).__name__ == "RejectedPositiveData" and response.status_code == 400
    return not (is_refusal and any(rule in response.text for rule in UNSAYABLE))


@schemathesis.hook
def after_call(context, case, response):
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
    answer = requests.request(
        asked.method, asked.url, data=asked.body, headers=headers | STAGE["neighbour"], timeout=30, allow_redirects=False
    )
    if answer.status_code != 404:
        raise AssertionError(f"another tenant got {answer.status_code} at {asked.method} {asked.url}: {answer.text[:300]}")
