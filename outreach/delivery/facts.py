"""All that decides about a letter, read in one statement after the claim's locks.

One statement, so that the time and everything that is judged by it are of one moment.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from types import SimpleNamespace
from zoneinfo import ZoneInfo

from django.conf import settings

from outreach.customers.models import Customer
from outreach.delivery import budget
from outreach.delivery.gates import Facts, not_connected
from outreach.delivery.hearing.queries import HEARD
from outreach.delivery.models import Delivery
from outreach.delivery.statements import one
from outreach.drafts.policy_queries import read_again, terms_of
from outreach.ground.zones import known_zone
from outreach.x.caps import Level
from outreach.x.models import AccountState

# Others who share the app's limit and found it closed before this account did: they go first.
_OTHERS_AHEAD = """
    FROM delivery_accountpace other
    WHERE other.wants_app_id = account.app_id AND other.x_account_id <> account.id
        AND other.wants_since < coalesce(pace.wants_since, clock.now)
        AND other.wants_until > clock.now
"""
_AHEAD = f"(SELECT count(*) {_OTHERS_AHEAD})"
_FACTS = """
    /* claim: read all that decides */
    WITH clock AS MATERIALIZED (SELECT outreach_now() AS now)
    SELECT clock.now,
        clock_timestamp() AS read_at,
        letter.id, letter.workspace_id, letter.customer_id, letter.recipient_x_user_id,
        letter.text, letter.look_at, letter.leave_by, letter.campaign_id, letter.lane,
        approval.undone_at IS NULL AS approved,
        approval.policy_version AS read_under,
        coalesce((SELECT max(version) FROM drafts_guidancepolicy
            WHERE workspace_id = letter.workspace_id), 0) AS newest_policy,
        account.id AS x_account_id, account.app_id, account.handle,
        account.state AS account_state, account.paused_reason,
        workspace.time_zone AS workspace_zone,
        coalesce(nullif(customer.first_name, ''), customer.name) AS customer,
        customer.time_zone, customer.merged_into_id, customer.last_answered_at,
        known.checked_at, known.following, known.followed_by, known.accepts_dms, known.reachable,
        (SELECT reason FROM customers_suppression never
            WHERE never.workspace_id = letter.workspace_id
            AND never.x_user_id = letter.recipient_x_user_id LIMIT 1) AS suppressed,
        EXISTS (SELECT FROM customers_permission permission
            WHERE permission.customer_id = customer.id
            AND permission.withdrawn_at IS NULL) AS has_permission,
        coalesce((SELECT require_permission FROM customers_contactpolicy
            WHERE workspace_id = letter.workspace_id), true) AS require_permission,
        policy.cap_letters, policy.cap_days, policy.window_opens, policy.window_closes,
        policy.relationship_hours, policy.quiet_weekdays, policy.quiet_dates, policy.hear_minutes,
        policy.answer_days,
        written.recent, written.from_accounts,
        (SELECT reason FROM delivery_pause
            WHERE campaign_id IS NULL
            AND (workspace_id IS NULL OR workspace_id = letter.workspace_id)
            ORDER BY workspace_id NULLS FIRST LIMIT 1) AS paused,
        (SELECT reason FROM delivery_pause
            WHERE campaign_id = letter.campaign_id) AS campaign_paused,
        {heard} AS heard,
        EXISTS (SELECT FROM delivery_attempt absent
            WHERE absent.delivery_id = letter.id AND absent.outcome = 'absent') AS once_absent,
        pace.wants_since,
        pace.closed_until, pace.narrowed,
        app_pace.closed_until AS app_closed_until, app_pace.narrowed AS app_narrowed,
        {account_free_at} AS account_free_at,
        {app_free_at} AS app_free_at,
        (SELECT max(other.wants_until) {others_ahead}) AS turns_end
    FROM clock
    JOIN delivery_delivery letter ON letter.id = %(delivery)s
    JOIN drafts_review approval ON approval.id = letter.approval_id
    JOIN x_xaccount account ON account.id = letter.x_account_id
    JOIN accounts_workspace workspace ON workspace.id = letter.workspace_id
    JOIN customers_customer customer ON customer.id = letter.customer_id
    JOIN delivery_sendingpolicy policy ON policy.workspace_id = letter.workspace_id
    JOIN delivery_accountpace pace ON pace.x_account_id = letter.x_account_id
    LEFT JOIN delivery_apppace app_pace ON app_pace.app_id = account.app_id
    LEFT JOIN customers_relationship known
        ON known.x_account_id = account.id AND known.customer_id = customer.id
    CROSS JOIN LATERAL (
        -- What is sending or unsure counts as written.
        SELECT coalesce(array_agg(other.sent_at) FILTER (WHERE other.state = 'sent'), '{{}}')
                AS recent,
            coalesce(array_agg(other.x_account_id) FILTER (WHERE other.state <> 'sent'), '{{}}')
                AS from_accounts
        FROM delivery_delivery other
        WHERE other.workspace_id = letter.workspace_id
            AND other.recipient_x_user_id = letter.recipient_x_user_id
            AND other.id <> letter.id
            AND (other.state IN ('sending', 'uncertain')
                OR other.state = 'sent'
                AND other.sent_at > clock.now - make_interval(days => policy.cap_days))
    ) written
"""
_ALLOWED_AT = """
    /* page: when the limits allow the next */
    WITH clock AS MATERIALIZED (SELECT outreach_now() AS now)
    SELECT greatest(clock.now, pace.closed_until, app_pace.closed_until,
        {account_free_at}, {app_free_at}) AS at
    FROM clock
    JOIN x_xaccount account ON account.id = %(account)s
    LEFT JOIN delivery_accountpace pace ON pace.x_account_id = account.id
    LEFT JOIN delivery_apppace app_pace ON app_pace.app_id = account.app_id
"""


def read(delivery_id: int) -> SimpleNamespace:
    """The letter and all that decides about it, at `.now`. One query."""
    found = one(_with_windows(_FACTS), delivery=delivery_id)
    assert found is not None
    return found


def allowed_at(x_account_id: int) -> datetime:
    """When the limits allow an account's next attempt, for a page that says so. One query."""
    found = one(_with_windows(_ALLOWED_AT), account=x_account_id)
    assert found is not None
    moment: datetime = found.at
    return moment


def _with_windows(sql: str) -> str:
    return sql.format(
        heard=HEARD,
        others_ahead=_OTHERS_AHEAD,
        account_free_at=budget.free_at("x_account_id = account.id", settings.X_ACCOUNT_WINDOWS),
        app_free_at=budget.free_at("app_id = account.app_id", settings.X_APP_WINDOWS, _AHEAD),
    )


def of(letter: SimpleNamespace, money: Level) -> Facts:
    """What was read, as the gates ask for it."""
    theirs = known_zone(letter.time_zone)
    answer_since = letter.now - timedelta(days=letter.answer_days)
    return Facts(
        now=letter.now,
        leave_by=letter.leave_by,
        customer=letter.customer,
        merged=letter.merged_into_id is not None,
        approved=letter.approved,
        guidance_stops=_stopped_by_guidance(letter),
        suppressed=letter.suppressed or "",
        has_permission=letter.has_permission,
        require_permission=letter.require_permission,
        relationship_known=letter.checked_at is not None,
        following=bool(letter.following),
        followed_by=bool(letter.followed_by),
        accepts_dms=bool(letter.accepts_dms),
        reachable=bool(letter.reachable),
        checked_at=letter.checked_at,
        fresh_for=timedelta(hours=letter.relationship_hours),
        recent=tuple(letter.recent),
        unsettled=len(letter.from_accounts),
        cap_letters=letter.cap_letters,
        cap_for=timedelta(days=letter.cap_days),
        in_the_air=letter.x_account_id in letter.from_accounts,
        opens=letter.window_opens,
        closes=letter.window_closes,
        zone=theirs or ZoneInfo(letter.workspace_zone),
        zone_known=theirs is not None,
        quiet_weekdays=letter.quiet_weekdays,
        quiet_dates=letter.quiet_dates,
        answer=_is_answer(letter, answer_since),
        paused=letter.paused or _why_not_now(letter),
        campaign_paused=letter.campaign_paused or "",
        heard=letter.heard,
        cap_reached=money.words if money.reached else "",
        month_ends=money.month.until,
    )


def _is_answer(letter: SimpleNamespace, since: datetime) -> bool:
    """A campaign's letter is none, whoever it is for: it did not wait for what they wrote."""
    wrote_at = letter.last_answered_at
    return letter.campaign_id is None and wrote_at is not None and wrote_at > since


def _stopped_by_guidance(letter: SimpleNamespace) -> str:
    """Why guidance would not let the frozen words pass now; it is asked only of a newer policy."""
    if letter.read_under >= letter.newest_policy:
        return ""
    delivery = Delivery.everywhere.select_related("revision", "workspace").get(pk=letter.id)
    customer = Customer.everywhere.get(pk=letter.customer_id)
    terms = terms_of(delivery, customer)
    _, why = read_again(terms, delivery.revision, customer, delivery.workspace)
    return why


def _why_not_now(letter: SimpleNamespace) -> str:
    """Why nothing leaves from this account now; empty where letters may."""
    if letter.account_state == AccountState.DISCONNECTED:
        return not_connected(letter.handle)
    reason: str = letter.paused_reason
    return reason
