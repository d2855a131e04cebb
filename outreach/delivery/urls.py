from django.urls import path

from outreach.delivery import policies, views

app_name = "delivery"
urlpatterns = [
    path("schedule/", views.schedule, name="schedule"),
    path("letters/<int:draft_id>/", views.letter, name="letter"),
    path("letters/<int:draft_id>/steps/", views.steps, name="steps"),
    path("customers/<int:customer_id>/letters/", views.to_person, name="to_person"),
    path("deliveries/<int:delivery_id>/cancel/", views.cancel, name="cancel"),
    path("deliveries/<int:delivery_id>/try-again/", views.try_again, name="try_again"),
    path("settings/sending/", policies.show, name="policy"),
    path("settings/sending/change/", policies.change, name="change_policy"),
]
