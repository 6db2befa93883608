"""Makes frames.json: what frames are told of, and where tf2 would find some in others, with its formulas in numpy.

python3 nodes/transport/tests/frames.py > nodes/transport/tests/frames.json
"""

import json

import numpy as np

random = np.random.default_rng(14)
SECOND = 1_000_000_000
PAIRS = [("map", "camera"), ("camera", "map"), ("tool", "camera"), ("odom", "base"), ("base", "left")]


def quaternion(axis, angle):
    axis = np.asarray(axis, float) / np.linalg.norm(axis)
    return np.append(np.sin(angle / 2) * axis, np.cos(angle / 2))


def matrix(translation, rotation):
    """A transform as a matrix: tf2::Matrix3x3::setRotation."""
    x, y, z, w = rotation
    s = 2 / np.dot(rotation, rotation)
    turn = [
        [1 - s * (y * y + z * z), s * (x * y - w * z), s * (x * z + w * y)],
        [s * (x * y + w * z), 1 - s * (x * x + z * z), s * (y * z - w * x)],
        [s * (x * z - w * y), s * (y * z + w * x), 1 - s * (x * x + y * y)],
    ]
    all_of = np.eye(4)
    all_of[:3, :3] = turn
    all_of[:3, 3] = translation
    return all_of


def slerp(a, b, share):
    """tf2::Quaternion::slerp."""
    theta = np.arccos(np.clip(abs(np.dot(a, b)) / np.sqrt(np.dot(a, a) * np.dot(b, b)), -1, 1))
    if theta == 0:
        return a
    sign = -1 if np.dot(a, b) < 0 else 1
    return (a * np.sin((1 - share) * theta) + sign * b * np.sin(share * theta)) / np.sin(theta)


def at(known, time):
    """tf2::TimeCache::getData, and interpolate."""
    fixed, places = known
    if fixed:
        return matrix(*places[-1][1:])
    places = sorted(places, key=lambda place: place[0])
    for before, after in zip(places, places[1:]):
        if before[0] <= time <= after[0]:
            share = (time - before[0]) / (after[0] - before[0])
            return matrix(
                (1 - share) * np.asarray(before[1]) + share * np.asarray(after[1]),
                slerp(np.asarray(before[2]), np.asarray(after[2]), share),
            )
    if places[-1][0] == time:
        return matrix(*places[-1][1:])
    raise LookupError


PARENTS = {"odom": "map", "base": "odom", "camera": "base", "arm": "base", "tool": "arm", "left": "odom"}


def up(frame):
    while frame in PARENTS:
        yield frame
        frame = PARENTS[frame]


def look_up(known, target, source, now):
    """tf2::BufferCore::lookupTransform at the latest common time, or now where that is earlier."""
    one, other = list(up(source)), list(up(target))
    edges = [frame for frame in one + other if (frame in one) != (frame in other)]
    if any(frame not in known for frame in edges):
        return None
    moving = [max(place[0] for place in known[frame][1]) for frame in edges if not known[frame][0]]
    time = min([*moving, now]) if moving else 0

    def to_top(frames):
        result = np.eye(4)
        for frame in frames:
            result = at(known[frame], time) @ result
        return result

    try:
        own = [frame for frame in one if frame not in other]
        their = [frame for frame in other if frame not in one]
        found = np.linalg.inv(to_top(their)) @ to_top(own)
    except LookupError:
        return None
    return [time, [[round(number, 12) for number in row] for row in found[:3].tolist()]]


def telling(frame, period, delay, first=0.0, ahead=0.0):
    """Places of a frame that goes in a circle and turns, as messages that come a little later."""
    axis, rate = random.normal(size=3), random.uniform(0.5, 3)
    for step in range(int(1 / period)):
        t = first + step * period
        stamp = round((t + ahead) * SECOND)
        translation = [np.cos(rate * t) * 2, np.sin(rate * t) * 3, rate * t]
        # The other sign is the same turn.
        sign = random.choice([-1, 1])
        rotation = sign * quaternion(axis, rate * t)
        come = round((t + random.uniform(0, delay)) * SECOND)
        numbers = [round(number, 9) for number in [*translation, *rotation]]
        yield come, False, frame, stamp, numbers


def main():
    fixed = [("camera", [0.2, 0, 1.1], quaternion([1, 2, 3], 2.2)), ("tool", [0, 0.1, 0.4], quaternion([0, 0, 1], -1))]
    told = [
        *telling("odom", 0.2, 0.05, ahead=0.15),
        *telling("base", 0.05, 0.08),
        *telling("arm", 0.0625, 0.02, first=0.2),
        *telling("left", 0.25, 0.01, first=0.3),
        *(
            (round(0.1 * SECOND) + index, True, frame, 0, [round(float(number), 9) for number in [*shift, *turn]])
            for index, (frame, shift, turn) in enumerate(fixed)
        ),
    ]
    known, messages = {}, []
    for index, (now, is_fixed, frame, stamp, numbers) in enumerate(sorted(told, key=lambda each: each[0])):
        known.setdefault(frame, (is_fixed, []))[1].append((stamp, numbers[:3], numbers[3:]))
        found = [look_up(known, *pair, now) for pair in PAIRS] if index % 5 == 4 else None
        messages.append([now, is_fixed, PARENTS[frame], frame, stamp, numbers, found])
    lines = ",\n".join(json.dumps(message) for message in messages)
    print(f'{{ "pairs": {json.dumps(PAIRS)}, "messages": [\n{lines}\n] }}')


main()
