// The dashcam: the picture's size, the nominal intrinsics of its camera_info, and where its horizon lies.

export const camera = {
  width: 960,
  height: 540,
  /** Focal length in pixels. */
  focal: 860,
  /** The column straight ahead: the middle of the picture, so that a mirrored picture gives mirrored lanes. */
  centre: (960 - 1) / 2,
  /** The row where parallel lines on the road meet. */
  horizon: 304,
} as const;

/** Metres between the lines of a highway lane, assumed. */
export const laneWidth = 3.7;
