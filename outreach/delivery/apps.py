from django.apps import AppConfig


class DeliveryConfig(AppConfig):
    name = "outreach.delivery"
    label = "delivery"

    def ready(self) -> None:
        from django.db.backends.signals import connection_created

        from accounts.hooks import workspace_created
        from outreach import celery  # every process that makes a wake-up knows the broker
        from outreach.customers.hooks import (
            about_to_be_written_to,
            erased,
            fresh_for,
            known,
            letters_to,
            merged,
            suppressed,
        )
        from outreach.delivery import (
            actions,
            erasing,
            forecasting,
            pausing,
            queries,
            settling,
            statements,
        )
        from outreach.delivery.hearing.queries import heard
        from outreach.drafts.hooks import approval_withdrawn, approved, last_letter, would_leave
        from outreach.x.hooks import (
            app_chosen,
            goes_on,
            heard_at,
            on_event,
            on_store,
            spent_on_letters,
        )

        connection_created.connect(statements.plan_once)
        app_chosen.fill(actions.make_app_pace)
        goes_on.fill(pausing.account_goes_on)
        heard_at.fill(heard)
        on_store(settling.SENT, settling.stored_events)
        on_event(settling.SENT, settling.settle_by_event)
        spent_on_letters.fill(queries.spent_on_letters)
        workspace_created.fill(actions.make_policy)
        last_letter.fill(queries.last_letter)
        would_leave.fill(forecasting.would_leave)
        suppressed.fill(actions.cancel_for_people)
        erased.fill(erasing.erase_deliveries)
        known.fill(erasing.deliveries_to)
        merged.fill(actions.cancel_for_row)
        letters_to.fill(queries.history_of)
        about_to_be_written_to.fill(queries.about_to_be_written_to)
        fresh_for.fill(queries.fresh_for)
        approved.fill(actions.take_on)
        approval_withdrawn.fill(actions.call_back)
        celery.app.set_default()
