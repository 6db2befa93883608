// The road: a closed centre line of straights, clothoid-like transitions and bends, with position, heading and curvature by arc length.

/** A point of the centre line; metres and radians. */
export interface RoadPoint {
  readonly x: number;
  readonly y: number;
  readonly heading: number;
  /** 1/m, positive to the left. */
  readonly curvature: number;
}

/** Metres between samples of the centre line. */
const spacing = 0.25;

/** Straights, bends and changing radii, as [length in m, curvature at the end in 1/m]; curvature runs linearly along each. */
const sections: readonly (readonly [number, number])[] = [
  [60, 0],
  [25, 1 / 60],
  [40, 1 / 60],
  [30, 1 / 35],
  [30, 1 / 35],
  [30, 0],
  [40, 0],
  [25, -1 / 45],
  [30, -1 / 45],
  [25, 0],
  [20, 1 / 30],
  [35, 1 / 30],
  [25, 0],
  [80, 0],
  [30, 1 / 50],
  [60, 1 / 50],
  [30, 0],
];

/** A road long enough for the demonstration; beyond its last section it goes straight on. */
export class Road {
  readonly #points: RoadPoint[] = [];
  /** Metres to each side of the centre of our lane where its markings run. */
  readonly halfLane = 1.75;

  constructor(length = 900) {
    let [x, y, heading] = [0, 0, 0];
    for (let s = 0; s <= length; s += spacing) {
      const curvature = this.#curvatureAt(s);
      this.#points.push({ x, y, heading, curvature });
      const middle = heading + (curvature * spacing) / 2;
      x += Math.cos(middle) * spacing;
      y += Math.sin(middle) * spacing;
      heading += curvature * spacing;
    }
  }

  #curvatureAt(s: number): number {
    let start = 0;
    let from = 0;
    for (const [length, to] of sections) {
      if (s < start + length) return from + ((to - from) * (s - start)) / length;
      start += length;
      from = to;
    }
    return 0;
  }

  /** The centre line at arc length `s`. */
  at(s: number): RoadPoint {
    const index = Math.min(this.#points.length - 1, Math.max(0, Math.round(s / spacing)));
    return this.#points[index]!;
  }

  /** Arc length and lateral offset (left positive) of a position, searched near a guess. */
  locate(x: number, y: number, guess: number): { readonly s: number; readonly offset: number } {
    let s = guess;
    for (let step = 0; step < 6; step++) {
      const point = this.at(s);
      const [dx, dy] = [x - point.x, y - point.y];
      const along = dx * Math.cos(point.heading) + dy * Math.sin(point.heading);
      const rounded = Math.round(s / spacing) * spacing;
      s = Math.max(0, rounded + along);
      if (Math.abs(along) < spacing) {
        const offset =
          -dx * Math.sin(point.heading) + dy * Math.cos(point.heading) - (point.curvature * along * along) / 2;
        return { s, offset };
      }
    }
    const point = this.at(s);
    return { s, offset: -(x - point.x) * Math.sin(point.heading) + (y - point.y) * Math.cos(point.heading) };
  }
}
