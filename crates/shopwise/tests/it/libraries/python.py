"""Sends events through segment-analytics-python as a shop's server would.

python.py HOST KEY EVENTS prints one JSON object: `sent`, the message ids that the library took;
`failed`, those that it gave up; `errors`, in its own words; `refused`, what it did not take.
"""

import json
import sys

from segment.analytics.client import Client
from segment.analytics.version import VERSION

KINDS = ["track", "identify", "page", "screen", "group", "alias"]


def properties(number):
    """Returns what an event says, now and then something that is no JSON."""
    said = {"product_id": f"p{number % 50}", "price": 9.5, "note": "x" * (number % 300)}
    if number % 100 == 7:
        said["discount"] = float("nan")
        said["weight"] = float("inf")
    if number % 100 == 8:
        said["name"] = "half an emoji \ud83d"
    return said


def send(client, number):
    """Makes one call; returns whether the library took it, and the event."""
    kind = KINDS[number % len(KINDS)]
    # Numbers, as a shop's database has them.
    user = 1 + number % 997
    said = properties(number)
    if kind == "alias":
        return client.alias(previous_id=f"visitor {number}", user_id=user)
    if kind == "identify":
        return client.identify(user, said)
    if kind == "group":
        return client.group(user, group_id=number % 7 + 1, traits=said)
    if kind == "track":
        visitor = f"visitor {number}"
        return client.track(anonymous_id=visitor, event="Product Viewed", properties=said)
    call = client.page if kind == "page" else client.screen
    return call(user, category="shop", name=f"shelf {number % 9}", properties=said)


def main():
    host, key, count = sys.argv[1], sys.argv[2], int(sys.argv[3])
    errors, failed, sent, refused = [], [], [], []

    def on_error(error, events):
        errors.append(str(error))
        failed.extend(event["messageId"] for event in events)

    # A batch that has to wait goes back into the queue, and is dropped when others have filled it.
    client = Client(key, host=host, on_error=on_error, gzip=True, max_queue_size=2 * count)
    for number in range(count):
        taken, event = send(client, number)
        (sent if taken else failed).append(event["messageId"])
    try:
        client.track(1, "Product Viewed", {"note": "x" * 600_000})
    except RuntimeError as error:
        refused.append(str(error)[:40])
    client.shutdown()
    report = {"sent": sent, "failed": failed, "errors": errors, "refused": refused}
    print(json.dumps({"version": VERSION, **report}))


main()
