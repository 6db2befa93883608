// Definitions of well-known packages that the common interfaces lack, as their .msg files have them, without comments.
import { type InterfaceText, messagesOf } from "./interfaces.ts";
import type { MessageText } from "./parse.ts";

const ofPackage = (name: string, messages: { readonly [message: string]: readonly string[] }): MessageText[] =>
  Object.entries(messages).map(([message, lines]) => ({ type: `${name}/msg/${message}`, text: lines.join("\n") }));

/** ackermann_msgs 2.0.2 (BSD-3-Clause). */
const ackermann = ofPackage("ackermann_msgs", {
  AckermannDrive: [
    "float32 steering_angle",
    "float32 steering_angle_velocity",
    "float32 speed",
    "float32 acceleration",
    "float32 jerk",
  ],
  AckermannDriveStamped: ["std_msgs/Header header", "AckermannDrive drive"],
});

/** service_msgs of ROS 2 Iron and later (Apache-2.0): what a recorder of services puts before each call. */
const serviceEvents = ofPackage("service_msgs", {
  ServiceEventInfo: [
    "uint8 REQUEST_SENT=0",
    "uint8 REQUEST_RECEIVED=1",
    "uint8 RESPONSE_SENT=2",
    "uint8 RESPONSE_RECEIVED=3",
    "uint8 event_type",
    "builtin_interfaces/Time stamp",
    "char[16] client_gid",
    "int64 sequence_number",
  ],
});

const services = (name: string, all: { readonly [service: string]: readonly string[] }): InterfaceText[] =>
  Object.entries(all).map(([service, lines]) => ({
    ...{ kind: "srv", type: `${name}/srv/${service}` },
    text: lines.join("\n"),
  }));

/** std_srvs 5.3, example_interfaces 0.12 and the service of action_msgs 2.0 (Apache-2.0), whose parts are messages. */
export const builtInInterfaces: readonly InterfaceText[] = [
  ...services("std_srvs", {
    Empty: ["---"],
    SetBool: ["bool data", "---", "bool success", "string message"],
    Trigger: ["---", "bool success", "string message"],
  }),
  ...services("example_interfaces", {
    AddTwoInts: ["int64 a", "int64 b", "---", "int64 sum"],
    SetBool: ["bool data", "---", "bool success", "string message"],
    Trigger: ["---", "bool success", "string message"],
  }),
  {
    ...{ kind: "action", type: "example_interfaces/action/Fibonacci" },
    text: ["int32 order", "---", "int32[] sequence", "---", "int32[] sequence"].join("\n"),
  },
  ...services("action_msgs", {
    CancelGoal: [
      "action_msgs/GoalInfo goal_info",
      "---",
      ...["int8 ERROR_NONE=0", "int8 ERROR_REJECTED=1", "int8 ERROR_UNKNOWN_GOAL_ID=2", "int8 ERROR_GOAL_TERMINATED=3"],
      ...["int8 return_code", "action_msgs/GoalInfo[] goals_canceling"],
    ],
  }),
];

/** vision_msgs 4.1.1 (Apache-2.0). */
const vision = ofPackage("vision_msgs", {
  BoundingBox2D: ["vision_msgs/Pose2D center", "float64 size_x", "float64 size_y"],
  BoundingBox2DArray: ["std_msgs/Header header", "vision_msgs/BoundingBox2D[] boxes"],
  BoundingBox3D: ["geometry_msgs/Pose center", "geometry_msgs/Vector3 size"],
  BoundingBox3DArray: ["std_msgs/Header header", "vision_msgs/BoundingBox3D[] boxes"],
  Classification: ["std_msgs/Header header", "ObjectHypothesis[] results"],
  Detection2D: ["std_msgs/Header header", "ObjectHypothesisWithPose[] results", "BoundingBox2D bbox", "string id"],
  Detection2DArray: ["std_msgs/Header header", "vision_msgs/Detection2D[] detections"],
  Detection3D: ["std_msgs/Header header", "ObjectHypothesisWithPose[] results", "BoundingBox3D bbox", "string id"],
  Detection3DArray: ["std_msgs/Header header", "vision_msgs/Detection3D[] detections"],
  LabelInfo: ["std_msgs/Header header", "vision_msgs/VisionClass[] class_map", "float32 threshold"],
  ObjectHypothesis: ["string class_id", "float64 score"],
  ObjectHypothesisWithPose: ["ObjectHypothesis hypothesis", "geometry_msgs/PoseWithCovariance pose"],
  Point2D: ["float64 x", "float64 y"],
  Pose2D: ["vision_msgs/Point2D position", "float64 theta"],
  VisionClass: ["uint16 class_id", "string class_name"],
  VisionInfo: ["std_msgs/Header header", "string method", "string database_location", "int32 database_version"],
});

/** The texts, in the order of their packages. */
export const builtIn: readonly MessageText[] = [
  ...ackermann,
  ...serviceEvents,
  ...vision,
  ...builtInInterfaces.flatMap(messagesOf),
];
