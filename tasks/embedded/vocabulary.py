"""The words of one world: a shipped domain's, or a domain woven from the scenario's own words, with synonyms of its own."""

from __future__ import annotations

from random import Random

from pydantic import ValidationError

from tasks.embedded import names
from tasks.embedded.chance import stream
from tasks.embedded.domain import DEFAULT_TERMS, Attribute, Domain, DomainItem, Term
from tasks.embedded.lexicon import Kind, Subject
from tasks.embedded.matching import ScenarioText, kind_of, label_of, nearest, subject_of

SYNONYMS = {
    "orders": ("order/orders", "purchase/purchases"),
    "bookings": ("booking/bookings", "reservation/reservations", "appointment/appointments"),
    "payments": ("invoice/invoices", "bill/bills", "account statement/account statements"),
    "inventory": ("stock record/stock records", "stock level/stock levels", "holding/holdings"),
    "reviews": ("review/reviews", "rating/ratings", "testimonial/testimonials"),
    "messages": ("conversation/conversations", "thread/threads", "enquiry/enquiries"),
    "memberships": ("membership/memberships", "subscription/subscriptions"),
    "tickets": ("ticket/tickets", "issue report/issue reports", "complaint/complaints"),
    "schedules": ("shift/shifts", "duty/duties"),
    "wish_lists": ("wish list/wish lists", "saved list/saved lists"),
    "approvals": ("request/requests", "application/applications", "proposal/proposals"),
    "loans": ("loan/loans", "checkout/checkouts"),
    "deliveries": ("delivery/deliveries", "shipment/shipments"),
    "enrolments": ("enrolment/enrolments", "registration/registrations"),
    "donations": ("donation/donations", "contribution/contributions"),
    "claims": ("claim/claims", "reimbursement/reimbursements"),
    "vouchers": ("voucher/vouchers", "coupon/coupons"),
    "inspections": ("inspection/inspections", "condition report/condition reports"),
    "group": ("category/categories", "section/sections", "department/departments"),
}
"""What a feature's main thing may be called where a domain has no word of its own for it."""

ATTRIBUTES = (
    Attribute(name="notice_days", label="number of days of notice needed", values=(1, 2, 3, 5, 7, 14)),
    Attribute(name="duration_minutes", label="duration in minutes", values=(20, 30, 45, 60, 90, 120)),
    Attribute(name="largest_group", label="largest group size", values=(1, 2, 4, 6, 8, 12)),
    Attribute(name="difficulty", label="difficulty", values=("easy", "moderate", "demanding")),
    Attribute(name="quality_class", label="quality class", values=("bronze", "silver", "gold")),
    Attribute(name="season", label="season", values=("spring", "summer", "autumn", "winter", "all year")),
    Attribute(name="weight_kg", label="weight in kilograms", values=(1, 2, 3, 5, 8, 13, 21)),
    Attribute(name="minimum_age", label="minimum age", values=(0, 6, 12, 16, 18)),
)

REMARKS = (
    "Everything went as agreed, thank you.",
    "I had to ask twice before anybody answered.",
    "Friendly people who know what they are doing.",
    "A little expensive, but worth it.",
    "The instructions could be clearer.",
    "Better than last year in every way.",
    "It took longer than promised.",
    "We will certainly come back.",
    "Not quite what the description said.",
    "Clean, punctual and well prepared.",
    "The second time was as good as the first.",
    "Parking was the only difficulty.",
    "They found a solution on the spot.",
    "I would have liked more choice.",
)

PRICES = (450, 900, 1250, 1800, 2400, 2950, 3600, 4200, 5500, 6900, 8400, 9900, 12500, 15000, 18900, 24000, 31000, 42000)


def vocabulary(text: ScenarioText, digest: str) -> Domain:
    """The words of the world of this scenario."""
    domain = nearest(text) or woven(text, digest)
    return _with_synonyms(domain, stream(digest, "synonyms"))


def _with_synonyms(domain: Domain, rng: Random) -> Domain:
    """The domain with drawn words for what it has no word for; a word that is taken is left out."""
    drawn = {role: rng.choice(words) for role, words in SYNONYMS.items() if role not in domain.terms}
    taken = {domain.term(role).table for role in domain.terms}
    free = {role: word for role, word in drawn.items() if Term.parse(word).table not in taken}
    try:
        return Domain.model_validate({**domain.model_dump(), "terms": {**domain.terms, **free}})
    except ValidationError:
        return domain


def woven(text: ScenarioText, digest: str) -> Domain:
    """A domain for a scenario that no shipped one fits: the words of its kind, its subject's things, its own name."""
    rng = stream(digest, "woven")
    kind, subject, label = kind_of(text.name), subject_of(text.name), label_of(text.name)
    place = subject.place if subject and subject.place else Term.parse(kind.terms["place"])
    terms = {**kind.terms, "place": f"{place.singular}/{place.plural}"}
    tables = {Term.parse(term).table for term in terms.values()} | {_table(role) for role in DEFAULT_TERMS}
    if len(tables) < len(terms) + len(DEFAULT_TERMS):
        terms = kind.terms
    return Domain(
        name="woven",
        category=text.category or (subject.category if subject else kind.name),
        keywords=(label.lower(),),
        features=kind.features,
        terms=terms,
        attribute=rng.choice(ATTRIBUTES),
        groups=kind.groups,
        roles=kind.roles,
        places=tuple(f"{town} {_title(Term.parse(terms['place']).singular)}" for town in rng.sample(names.TOWNS, 6)),
        topics=kind.topics,
        remarks=tuple(rng.sample(REMARKS, 9)),
        items=_items(kind, subject, label, rng),
    )


def _table(role: str) -> str:
    return Term.parse(DEFAULT_TERMS[role]).table


def _title(words: str) -> str:
    return " ".join(word if word[:1].isupper() else word.capitalize() for word in words.split())


def _items(kind: Kind, subject: Subject | None, label: str, rng: Random) -> tuple[DomainItem, ...]:
    """The subject's things first, then what its kind offers, filled with the subject's name; 14 to 16 in all."""
    start = label[:1].upper() + label[1:]
    inner = label if label[:1].isupper() and label[1:2].isupper() else label[:1].lower() + label[1:]
    things = [thing.singular[:1].upper() + thing.singular[1:] for thing in subject.things] if subject else []
    offers = [text.replace("{S}", start).replace("{s}", inner) for text in kind.items]
    found = list(dict.fromkeys([*things, *rng.sample(offers, len(offers) if not things else 9)]))
    prices = rng.sample(PRICES, len(found))
    return tuple(
        DomainItem(name=name, group=kind.groups[n % len(kind.groups)], price_cents=price)
        for n, (name, price) in enumerate(zip(found, prices, strict=True))
    )
