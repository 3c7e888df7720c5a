"""Due times by brute force, as an independent oracle: every minute, with Python's zoneinfo.

Reads one JSON object: zone, spans ([from, to) in seconds since the epoch), expressions. Writes one list of seconds for
each expression.
"""

import json
import sys
from datetime import datetime, timedelta, timezone
from zoneinfo import ZoneInfo

RANGES = [(0, 59), (0, 23), (1, 31), (1, 12), (0, 7)]


def values(text, low, high):
    found = set()
    for item in text.split(","):
        item, _, step = item.partition("/")
        if item == "*":
            first, last = low, high
        else:
            first, _, last = item.partition("-")
            first, last = int(first), int(last or first)
        found.update(range(first, last + 1, int(step or 1)))
    return found


class Expression:
    def __init__(self, text):
        fields = text.split()
        sets = [values(field, *span) for field, span in zip(fields, RANGES)]
        self.minutes, self.hours, self.days, self.months, weekdays = sets
        self.weekdays = {day % 7 for day in weekdays}
        self.any_day, self.any_weekday = fields[2] == "*", fields[4] == "*"
        self.fixed = not any(sign in field for field in fields[:2] for sign in "*/")

    def on(self, date):
        if date.month not in self.months:
            return False
        day = date.day in self.days
        weekday = date.isoweekday() % 7 in self.weekdays
        if self.any_day or self.any_weekday:
            return day and weekday
        return day or weekday


def exists(naive, zone):
    there = naive.replace(tzinfo=zone).astimezone(timezone.utc)
    return there.astimezone(zone).replace(tzinfo=None) == naive


def fixed(expression, zone, start, end):
    due = set()
    day = datetime.fromtimestamp(start, zone).date() - timedelta(days=2)
    last = datetime.fromtimestamp(end, zone).date() + timedelta(days=2)
    while day <= last:
        if expression.on(day):
            for hour in expression.hours:
                for minute in expression.minutes:
                    naive = datetime(day.year, day.month, day.day, hour, minute)
                    while not exists(naive, zone):
                        naive += timedelta(minutes=1)
                    due.add(int(naive.replace(tzinfo=zone, fold=0).timestamp()))
        day += timedelta(days=1)
    return {at for at in due if start <= at < end}


def main():
    request = json.load(sys.stdin)
    zone = ZoneInfo(request["zone"])
    expressions = [Expression(text) for text in request["expressions"]]
    due = [set() for _ in expressions]
    for start, end in request["spans"]:
        for expression, found in zip(expressions, due):
            if expression.fixed:
                found.update(fixed(expression, zone, start, end))
        wild = [pair for pair in zip(expressions, due) if not pair[0].fixed]
        for at in range(start - start % 60, end, 60):
            local = datetime.fromtimestamp(at, zone)
            for expression, found in wild:
                if (
                    at >= start
                    and local.minute in expression.minutes
                    and local.hour in expression.hours
                    and expression.on(local)
                ):
                    found.add(at)
    json.dump([sorted(found) for found in due], sys.stdout)


main()
