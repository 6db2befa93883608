// Where things stand in the MCAP file of a recording, as its writer and its readers agree.

/** Behind it the topic of each kind of record; in versions 1 to 3 all were on this one, as JSON. */
export const eventsTopic = "/isochron/events";
export const eventTopic = (kind: string): string => `${eventsTopic}/${kind}`;
/** Whether a topic is of the log of decisions. */
export const isEventTopic = (topic: string): boolean => topic === eventsTopic || topic.startsWith(`${eventsTopic}/`);
export const outputTopic = (task: string): string => `/isochron/outputs/${task}`;
export const metadataName = "isochron";
export const applicationAttachment = "application.json";
export const artifactAttachment = (program: string): string => `artifacts/${program}.iso`;
/** Says, before all messages, which ROS time logical 0 has, and whether the run is live; absent where the time is 0 and the run is not. */
export const epochMetadataName = "isochron.epoch";
/** Says, before all messages, which part of its run a file is, or that it was saved from memory; absent where it is the only file. */
export const partMetadataName = "isochron.part";
/** Says, behind all messages, that the run goes on behind the file. */
export const goesOnMetadataName = "isochron.goes-on";
/** Version 2 says when a job ended and when a skip was decided; in version 3 times of messages are counted from an epoch, and in version 4 the log of decisions is CDR. */
export const formatVersion = "4";
export const formatVersions = ["1", "2", "3", formatVersion] as const;
