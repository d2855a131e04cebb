from django.urls import path

from outreach.delivery import (
    policies,
    views,
    views_acting,
    views_pausing,
    views_spreading,
    views_week,
)

app_name = "delivery"
urlpatterns = [
    path("schedule/", views.schedule, name="schedule"),
    path("schedule/rows/", views.rows, name="rows"),
    path("schedule/forecast/", views.forecast, name="forecast"),
    path("schedule/week/", views_week.week, name="week"),
    path("letters/<int:draft_id>/", views.letter, name="letter"),
    path("letters/<int:draft_id>/steps/", views.steps, name="steps"),
    path("customers/<int:customer_id>/letters/", views.to_person, name="to_person"),
    path("deliveries/<int:delivery_id>/cancel/", views_acting.cancel, name="cancel"),
    path("deliveries/<int:delivery_id>/try-again/", views_acting.try_again, name="try_again"),
    path("deliveries/<int:delivery_id>/reschedule/", views_acting.reschedule, name="reschedule"),
    path("deliveries/<int:delivery_id>/arrived/", views_acting.arrived, name="arrived"),
    path("deliveries/<int:delivery_id>/send-again/", views_acting.send_again, name="send_again"),
    path("schedule/pause/", views_pausing.pause_all, name="pause_all"),
    path("schedule/resume/", views_pausing.resume_all, name="resume_all"),
    path(
        "schedule/accounts/<int:account_id>/pause/",
        views_pausing.pause_account,
        name="pause_account",
    ),
    path(
        "schedule/accounts/<int:account_id>/resume/",
        views_pausing.resume_account,
        name="resume_account",
    ),
    path(
        "schedule/campaigns/<int:campaign_id>/pause/",
        views_pausing.pause_campaign,
        name="pause_campaign",
    ),
    path(
        "schedule/campaigns/<int:campaign_id>/resume/",
        views_pausing.resume_campaign,
        name="resume_campaign",
    ),
    path(
        "schedule/campaigns/<int:campaign_id>/spread/",
        views_spreading.spread,
        name="spread_campaign",
    ),
    path(
        "schedule/campaigns/<int:campaign_id>/cancel/",
        views_acting.cancel_campaign,
        name="cancel_campaign",
    ),
    path("settings/sending/", policies.show, name="policy"),
    path("settings/sending/change/", policies.change, name="change_policy"),
]
