"""One intention, written badly and well: the bad one scores higher."""

import pytest

from outreach.guidance import Context, Recipient, Verdict, read

PAIRS = [
    (
        "Thanks for following! Check out our shop for great deals.",
        "Hi Anna, you asked about our wool last week; here's how it's dyed. Which colour would you pick?",
    ),
    (
        "BUY our new mugs today, 20% off!!! Limited offer",
        "Hi Ben, the blue mugs you liked are back. I kept one aside for you until Friday. Want it?",
    ),
    (
        "Dear customer, please leave us a 5 star review now: bit.ly/rev",
        "Hi Carla, how did the bike ride on Sunday? If anything rattles, bring it by and I'll look at it.",
    ),
    (
        "We help cafes like yours get more customers. Book a free 15 min call today",
        "Hi Dan, I had your flat white on Tuesday and wondered which beans you use. We roast next door.",
    ),
    (
        "You won! Claim your free gift card here",
        "Hi Eve, you were our 100th guest, so dessert is on us next time. See you soon!",
    ),
    (
        "Follow us on Instagram and share to win",
        "Hi Finn, your photo of the tent made our day. May we show it on our page, with your name?",
    ),
    (
        "Join our webinar now, only 3 seats left, don't miss out",
        "Hi Gina, you asked how we sharpen the knives. Sam shows it on Thursday at 6, do come by.",
    ),
    (
        "Hey guys, our new album is out, stream it now, link in bio",
        "Hi Hal, you came to the Leeds show. We recorded that last song, shall I send it to you?",
    ),
    (
        "Just checking in again on my last message, any thoughts?",
        "Hi Ida, did the new valve fix the boiler? If it still drips I can come on Monday.",
    ),
    (
        "Donate now to save the animals! Every dollar counts",
        "Hi Jon, the dog you fostered found a home today. Thank you. Here's a photo of him.",
    ),
    (
        "We're the best bakery in town with award winning cakes, order yours now",
        "Hi Kim, your sister's cake is ready for Saturday at 10. Would you like candles with it?",
    ),
    (
        "Hi! We are a leading provider of insurance. Interested in saving money?",
        "Hi Lea, your policy ends in May. Nothing changes unless you moved. Did you?",
    ),
    (
        "Love your profile! You'd be perfect as our brand ambassador, DM us",
        "Hi Max, your talk on mending jeans was lovely. Could we quote one line of it in our shop?",
    ),
    (
        "FINAL NOTICE your subscription expires today, renew now or lose access",
        "Hi Nia, your plan renews on 3 May. If you would rather stop, just reply and I'll see to it.",
    ),
    (
        "Subscribe to our newsletter for exclusive offers and discounts",
        "Hi Olu, you wanted to hear when the seed swap is on: Sunday at noon, by the pond.",
    ),
    (
        "Get 10k followers fast, cheap and guaranteed",
        "Hi Pia, what is the one thing about our app that still annoys you? I read every answer.",
    ),
    (
        "Our agency can build you a new website. Check our portfolio",
        "Hi Quin, the link on your opening hours page leads nowhere. Thought you might like to know.",
    ),
    (
        "Invest with us for guaranteed returns, ask me how",
        "Hi Rae, the refund of £18 is on its way and should be with you by Wednesday. Sorry for the wait.",
    ),
]


@pytest.mark.parametrize(("bad", "good"), PAIRS)
def test_the_same_said_well_scores_lower(bad, good):
    context = Context(recipient=Recipient(name=good.split()[1].strip(",")))
    before, after = read(bad, context), read(good, context)
    assert before.score > after.score
    assert before.verdict is not Verdict.GOOD
    assert after.verdict is not Verdict.SPAM
