// What of rclnodejs 2 the transport uses: the package is optional, so its own types may not be there.

export interface Handled {
  isDestroyed(): boolean;
}

export interface RosPublisher extends Handled {
  publish(bytes: Buffer): void;
  /** Blocks until every reader has all, at most so many nanoseconds. */
  waitForAllAcked(atMostNs: bigint): boolean;
}

export interface MatchedEvent {
  readonly current_count: number;
}
export interface IncompatibleEvent {
  readonly last_policy_kind: number;
}
export interface LostEvent {
  readonly total_count_change: number;
}

/** Setters of what is called on events of a publisher or a subscription. */
export interface EventCallbacks {
  matched: (event: MatchedEvent) => void;
  incompatibleQos: (event: IncompatibleEvent) => void;
  messageLost?: (event: LostEvent) => void;
}

/** What rclnodejs takes for a class of messages where they come and go as bytes. */
export type TypeClass = (() => void) & {
  type(): { readonly pkgName: string; readonly subFolder: string; readonly interfaceName: string };
};

export interface EndOptions {
  readonly qos: object;
  readonly isRaw?: boolean;
}

export interface RosParameter {
  readonly name: string;
  readonly type: number;
  readonly value: unknown;
}

export interface SetResult {
  readonly successful: boolean;
  readonly reason: string;
}

/** Makes messages of one type of plain objects. */
export type MessageClass = new (value?: object) => object;

/** What rclnodejs makes of a service's type. */
export interface ServiceClasses {
  readonly Request: MessageClass;
  readonly Response: MessageClass;
}

/** What rclnodejs makes of an action's type. */
export interface ActionClasses {
  readonly Goal: MessageClass;
  readonly Feedback: MessageClass;
  readonly Result: MessageClass;
}

export interface RosServiceClient extends Handled {
  isServiceServerAvailable(): boolean;
  sendRequest(request: object, answered: (response: object) => void): void;
}

/** A goal as its server sees it. */
export interface RosServerGoal {
  readonly goalId: { readonly uuid: Uint8Array };
  readonly request: { toPlainObject(typedArrays: boolean): object };
  readonly status: number;
  publishFeedback(feedback: object): void;
  succeed(): void;
  abort(): void;
  canceled(): void;
}

/** A goal as its client sees it. */
export interface RosGoal {
  readonly accepted: boolean;
  readonly status: number;
  cancelGoal(): Promise<unknown>;
  getResult(): Promise<object>;
}

export interface RosActionServer extends Handled {
  destroy(): void;
}

export interface RosActionClient extends Handled {
  isActionServerAvailable(): boolean;
  sendGoal(goal: object, feedback: (message: object) => void, id: { readonly uuid: Uint8Array }): Promise<RosGoal>;
  destroy(): void;
}

export interface RosNode {
  createPublisher(type: TypeClass, topic: string, options: EndOptions, events?: EventCallbacks): RosPublisher;
  createSubscription(
    type: TypeClass,
    topic: string,
    options: EndOptions,
    receive: (bytes: Buffer) => void,
    events?: EventCallbacks,
  ): Handled;
  createService(
    type: ServiceClasses,
    name: string,
    options: object,
    answer: (request: object, reply: { send(response: object): void }) => void,
  ): Handled;
  createClient(type: ServiceClasses, name: string, options: object): RosServiceClient;
  destroyService(service: Handled): void;
  destroyClient(client: Handled): void;
  destroyPublisher(publisher: RosPublisher): void;
  destroySubscription(subscription: Handled): void;
  getTopicNamesAndTypes(): readonly { readonly name: string; readonly types: readonly string[] }[];
  countPublishers(topic: string): number;
  countSubscribers(topic: string): number;
  declareParameter(parameter: RosParameter, descriptor: object): RosParameter;
  addOnSetParametersCallback(check: (parameters: readonly RosParameter[]) => SetResult): void;
  spin(timeoutMs?: number): void;
  /** Waits for all events from now on, those of a new publisher too. */
  syncHandles(): void;
}

export interface RosContext {
  shutdown(): void;
}

/** The numbers of policies and types are rmw's, which rclnodejs passes on. */
export interface Rclnodejs {
  readonly Context: new () => RosContext;
  readonly Node: new (name: string, namespace: string, context: RosContext) => RosNode;
  readonly QoS: new (
    history: number,
    depth: number,
    reliability: number,
    durability: number,
    liveliness: number,
  ) => object;
  readonly Parameter: new (name: string, type: number, value: unknown) => RosParameter;
  readonly ParameterDescriptor: new (
    name: string,
    type: number,
    description: string,
    readOnly: boolean,
    range: object | null,
  ) => object;
  readonly FloatingPointRange: new (from: number, to: number, step: number) => object;
  readonly IntegerRange: new (from: bigint, to: bigint, step: bigint) => object;
  readonly ActionServer: new (
    node: RosNode,
    type: string,
    name: string,
    execute: (goal: RosServerGoal) => Promise<object>,
    accepts: (goal: object) => number,
    accepted: undefined,
    cancels: (goal: RosServerGoal) => number,
  ) => RosActionServer;
  readonly ActionClient: new (node: RosNode, type: string, name: string) => RosActionClient;
  /** What was made of a type: `ServiceClasses` or `ActionClasses`. */
  require(type: string): unknown;
  init(context: RosContext, argv: readonly string[]): Promise<void>;
  removeSignalHandlers(): void;
}

/** The modules of the package that the transport needs. */
export interface RclnodejsModules {
  readonly rcl: Rclnodejs;
  /** Absent before Jazzy, where events cannot be had. */
  readonly events?: { readonly publisher: new () => EventCallbacks; readonly subscription: new () => EventCallbacks };
}
