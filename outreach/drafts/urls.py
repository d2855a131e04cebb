from django.urls import path

from outreach.drafts import policies, reviews, views, views_leaving

app_name = "drafts"
urlpatterns = [
    path("compose/", views.letters, name="list"),
    path("compose/new/", views.new, name="new"),
    path("compose/<int:draft_id>/", views.compose, name="compose"),
    path("compose/<int:draft_id>/read/", views.read, name="read"),
    path("compose/<int:draft_id>/leaves/", views_leaving.leaves, name="leaves"),
    path("letters/<int:draft_id>/edit/", views.withdraw, name="withdraw"),
    path("review/", reviews.queue, name="queue"),
    path("review/<int:revision_id>/", reviews.review, name="review"),
    path("review/<int:revision_id>/undo/", reviews.undo, name="undo"),
    path("settings/guidance/", policies.show, name="policy"),
    path("settings/guidance/change/", policies.change, name="change_policy"),
]
