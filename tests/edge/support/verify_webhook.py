"""The official Python verifiers' verdicts of webhooks.

Reads lines of JSON, {secret, headers, text}; answers each with a line of JSON, whether each verifier accepts it.
"""

import json
import sys

import standardwebhooks
import svix

VERIFIERS = {
    "standardwebhooks": (standardwebhooks.Webhook, standardwebhooks.WebhookVerificationError),
    "svix": (svix.Webhook, svix.WebhookVerificationError),
}


def accepts(verifier, refusal, call):
    try:
        verifier(call["secret"]).verify(call["text"], call["headers"])
    except refusal:
        return False
    return True


for line in sys.stdin:
    print(json.dumps({name: accepts(*kind, json.loads(line)) for name, kind in VERIFIERS.items()}))
