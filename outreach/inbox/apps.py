from django.apps import AppConfig


class InboxConfig(AppConfig):
    name = "outreach.inbox"
    label = "inbox"

    def ready(self) -> None:
        from outreach.customers.hooks import reads_as_stop
        from outreach.inbox import opt_out

        reads_as_stop.fill(opt_out.reads_as_stop)
