"""Every column that could hold something of a person, and what erasing does with it.

One list for the whole house, by the names of tables: whoever adds a column says here which it is,
or a test fails. Numbers, times and keys between rows are not listed. PERSONAL columns are blanked
or their rows removed, and their content is in what a person is handed out; another test plants
something in each of them, and looks for it in a dump after the erasure.
"""

from __future__ import annotations

PERSONAL: dict[str, tuple[str, ...]] = {
    "audit_auditdetail": ("details", "salt"),
    "customers_customer": (
        "x_user_id",
        "handle",
        "name",
        "first_name",
        "time_zone",
        "tags",
        "attributes",
    ),
    "customers_evidencefile": ("name", "kind", "content"),
    "customers_heardmessage": ("dm_event_id",),
    "customers_historyperson": ("x_user_id", "dm_event_id", "text", "handle", "name"),
    # Where a file has no header, its first row stands in its place.
    "customers_importmemory": ("columns",),
    "customers_importpiece": ("content",),
    "customers_importrefusal": ("cells", "reason"),
    "customers_importrun": ("file_name", "header", "problem", "shape", "shown", "targets"),
    "customers_permission": ("basis", "place", "evidence"),
    "customers_seenmutual": ("x_user_id", "handle", "name"),
    # What somebody typed to find them.
    "customers_segment": ("name", "query"),
    "customers_sweep": ("query",),
    "customers_synceduser": ("x_user_id", "handle", "name"),
    "customers_synctoask": ("x_user_id", "handle"),
    "customers_word": ("word",),
    "customers_suppression": ("x_user_id", "handle", "reason"),
    "delivery_attempt": ("request_id", "dm_event_id"),
    "delivery_delivery": ("recipient_x_user_id", "text", "reason", "dm_event_id"),
    # What a page has still to say; erased by name.
    "django_session": ("session_data",),
    "drafts_draft": ("why_person", "why_now", "what_they_get", "words"),
    "drafts_review": ("comment", "report"),
    "drafts_revision": (
        "words",
        "text",
        "why_person",
        "why_now",
        "what_they_get",
        "report",
        "disagreement",
    ),
    "x_activityevent": ("payload",),
}

# What every kind of long work says of itself.
_RUN = {"state": "one of five", "done": "a count", "of": "a count", "token": "random"}

# Of nobody who is written to, each with what it is.
NOT_PERSONAL: dict[str, dict[str, str]] = {
    "accounts_invitation": {
        "email": "a member's",
        "role": "one of three",
        "token_sha256": "a member's",
    },
    "accounts_membership": {"role": "one of three"},
    "accounts_user": {
        "password": "a member's",
        "email": "a member's",
        "name": "a member's",
        "time_zone": "a member's",
    },
    "accounts_workspace": {
        "name": "the company's",
        "slug": "the company's",
        "time_zone": "the company's",
    },
    "audit_auditevent": {
        "verb": "one of the product's",
        "target_kind": "one of the product's",
        "target_id": "a row's",
        "details_digest": "salted; the salt goes with the details",
    },
    "audit_auditseal": {"chain_hash": "over digests"},
    "auth_group": {"name": "unused"},
    "auth_permission": {"name": "unused", "codename": "unused"},
    "customers_erasedperson": {"person_hash": "keyed: what is left of a person"},
    "customers_erasurekey": {"key": "encrypted; the installation's"},
    "customers_historyrun": {
        **_RUN,
        "page_token": "X's name for a page",
        "problem": "ours, about an account",
        "waits_for": "ours, about an account",
    },
    "customers_importpiece": {"number": "a count"},
    "customers_importrefusal": {"line": "a count"},
    "customers_importrun": {
        **_RUN,
        "size": "a count",
        "sha256": "of a file, for whoever has it",
        "stage": "one of six",
        "header_line": "a count",
        "new": "a count",
        "changed": "a count",
        "unchanged": "a count",
        "refused": "a count",
        "expected": "counts",
    },
    "customers_invitation": {
        "name": "for anybody",
        "place": "for anybody",
        "word": "for anybody",
        "word_folded": "for anybody",
        "starting_words": "for anybody",
    },
    "customers_sweep": {
        **_RUN,
        "kind": "one of three",
        "problem": "ours, about a walk",
        "tag": "what many are called",
        "found": "a count",
        "up_to_id": "a row's",
        "last_id": "a row's",
    },
    "customers_syncchoice": {"daily": "one of two"},
    "customers_synceduser": {"reading": "one of two"},
    "customers_syncrun": {
        **_RUN,
        "kind": "one of four",
        "next_token": "X's name for a page",
        "reading": "one of two",
        "problem": "ours, about an account",
        "waits_for": "ours, about an account",
    },
    "customers_word": {"customer_id": "a row's"},
    "delivery_accountpace": {"closed_reason": "ours, about an account"},
    "delivery_apppace": {"closed_reason": "ours, about an app"},
    "delivery_attempt": {
        "claim_token": "random",
        "outcome": "one of five",
        "kind": "the name of an error",
    },
    "delivery_delivery": {
        "approval_decision": "always approve",
        "text_sha256": "promise 1: what was approved, for whoever has the words",
        "state": "one of seven",
        "reason_code": "one of the product's",
        "claim_token": "random",
    },
    "django_content_type": {"app_label": "the product's", "model": "the product's"},
    "django_session": {"session_key": "random"},
    "drafts_draft": {"state": "one of six"},
    "drafts_guidancepolicy": {
        "brand": "the company's",
        "severities": "of rules",
        "avoid": "phrases for letters to anybody",
        "welcome": "phrases for letters to anybody",
        "exceptions": "phrases for letters to anybody",
        "changes": "of the policy",
    },
    "drafts_review": {"decision": "one of three", "sided_with": "one of two"},
    "drafts_revision": {"text_sha256": "promise 1: what was approved, for whoever has the words"},
    "x_accounthealth": {
        "last_success_call": "a path of X's API with its ids left out",
        "last_error_call": "a path of X's API with its ids left out",
        "last_error_kind": "the name of an error",
        "last_error_request_id": "X's, of the account's last failure",
        "limits": "of the account",
    },
    "x_activityevent": {
        "event_uuid": "X's name for the event",
        "kind": "one of X's",
        "via": "one of two",
        "failure": "the name of an error",
    },
    "x_consent": {"state_sha256": "a member's", "verifier": "a member's"},
    "x_expense": {"kind": "one of X's"},
    "x_stream": {"holder": "random", "failure": "the name of an error"},
    "x_subscription": {
        "kind": "one of X's",
        "direction": "one of two",
        "x_subscription_id": "X's, of an account",
    },
    "x_xaccount": {
        "x_user_id": "the brand's",
        "handle": "the brand's",
        "name": "the brand's",
        "avatar": "the brand's",
        "avatar_type": "a kind of picture",
        "state": "one of three",
        "paused_by": "one of the product's",
        "paused_reason": "about the account",
    },
    "x_xapp": {
        "name": "the company's",
        "client_id": "the company's",
        "client_secret": "the company's",
        "bearer_token": "the company's",
        "consumer_secret": "the company's",
    },
    "x_xtoken": {
        "access_token": "the brand's",
        "refresh_token": "the brand's",
        "scopes": "the brand's",
        "lease": "random",
    },
}
