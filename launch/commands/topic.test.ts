// How often messages come: what `topic hz` makes of their times.
import { expect, it } from "vitest";
import { Intervals } from "./topic.ts";

it("the rate of a topic has the mean, the ends and the deviation of all its intervals", () => {
  const intervals = new Intervals();
  const started = 1_700_000_000_000_000_000n;
  // 10, 20 and 30 ms apart: 20 ms in the mean, off by 10, 0 and 10.
  for (const ms of [0n, 10n, 30n, 60n]) intervals.add(started + ms * 1_000_000n);
  expect(intervals.rate("/imu")).toEqual({
    topic: "/imu",
    count: 4,
    hz: 50,
    minNs: 10e6,
    maxNs: 30e6,
    deviationNs: expect.closeTo(Math.sqrt((10e6 ** 2 + 10e6 ** 2) / 3), 3),
  });
});

it("the rate of a topic is not known by one message", () => {
  const intervals = new Intervals();
  intervals.add(5n);
  expect(intervals.rate("/imu")).toMatchObject({ count: 1, hz: null, minNs: null, maxNs: null, deviationNs: null });
});
