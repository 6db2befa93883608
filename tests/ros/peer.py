"""A node of rclpy that does what it is told: a line of JSON asks, a line answers."""

import base64
import hashlib
import importlib
import json
import os
import sys
import threading
import time

import numpy
import rclpy
from rcl_interfaces.srv import GetParameters, ListParameters, SetParameters
from rclpy.action import ActionClient
from rclpy.context import Context
from rclpy.executors import SingleThreadedExecutor
from rclpy.parameter import Parameter
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy

# For what hangs: a busy machine takes half a minute to start a node.
LONGEST = 300.0
# Pictures of a megabyte, nightly of eight.
ROWS = 8192 if os.environ.get("ISOCHRON_NIGHTLY") == "1" else 1024


def type_of(name):
    package, kind, own = name.split("/")
    return getattr(importlib.import_module(f"{package}.{kind}"), own)


def quality_of(asked):
    return QoSProfile(
        depth=asked["depth"],
        reliability=ReliabilityPolicy.RELIABLE if asked["reliability"] == "reliable" else ReliabilityPolicy.BEST_EFFORT,
        durability=DurabilityPolicy.TRANSIENT_LOCAL
        if asked["durability"] == "transient-local"
        else DurabilityPolicy.VOLATILE,
    )


def plain(value):
    """A message as JSON has it."""
    if hasattr(value, "get_fields_and_field_types"):
        return {name: plain(getattr(value, name)) for name in value.get_fields_and_field_types()}
    if isinstance(value, numpy.ndarray):
        return value.tolist()
    if isinstance(value, numpy.generic):
        return value.item()
    if isinstance(value, (list, tuple)) or type(value).__name__ == "array":
        return [plain(each) for each in value]
    return value


def fill(message, value):
    """Sets a message's fields to what JSON has; elements of lists are made as the type says."""
    kinds = message.get_fields_and_field_types()
    for name, given in value.items():
        own = getattr(message, name)
        if hasattr(own, "get_fields_and_field_types"):
            fill(own, given)
        elif isinstance(given, list) and given and isinstance(given[0], dict):
            element = type_of(kinds[name][len("sequence<") : -1].replace("/", "/msg/"))
            setattr(message, name, [fill(element(), each) for each in given])
        else:
            # JSON has no difference between 2 and 2.0, and a float's field takes no integer.
            setattr(message, name, float(given) if isinstance(own, float) else given)
    return message


def made(kind, number):
    """The message of a number: the same as the other side makes."""
    message = kind()
    if kind.__name__ == "String":
        message.data = f"{number}:" + "x" * (number * 7)
    elif kind.__name__ == "JointState":
        message.header.frame_id = str(number)
        message.name = [f"joint_{at}" for at in range(7)]
        message.position = [number + at / 8 for at in range(7)]
    else:
        message.header.frame_id = str(number)
        message.height, message.width, message.step, message.encoding = ROWS, 1024, 1024, "mono8"
        message.data.frombytes(((numpy.arange(ROWS * 1024) * 31 + number) % 251).astype(numpy.uint8).tobytes())
    return message


def told(message):
    """A message's number, and the hash of what it carries."""
    kind = type(message).__name__
    if kind == "String":
        number, parts = int(message.data.split(":")[0]), [message.data.encode()]
    elif kind == "JointState":
        number = int(message.header.frame_id)
        parts = [",".join(message.name).encode(), numpy.array(message.position, "<f8").tobytes()]
    else:
        number, parts = int(message.header.frame_id), [bytes(message.data)]
    return [number, hashlib.sha256(b"".join(parts)).hexdigest()]


class Peer:
    def __init__(self):
        rclpy.init()
        self.node = rclpy.create_node("rclpy_peer")
        self.executor = SingleThreadedExecutor()
        self.executor.add_node(self.node)
        self.received = {}
        self.publishers = {}
        self.open = True
        self.spinning = threading.Thread(target=self.spin)
        self.spinning.start()

    def spin(self):
        while self.open:
            self.executor.spin_once(timeout_sec=0.1)

    def close(self):
        self.open = False
        self.spinning.join()
        self.node.destroy_node()
        rclpy.shutdown()

    def until(self, holds, what):
        end = time.monotonic() + LONGEST
        while not holds():
            if time.monotonic() > end:
                raise RuntimeError(f"it did not come to be that {what}")
            time.sleep(0.005)

    def subscribe(self, topic, type, quality, plainly=False):
        seen = self.received.setdefault(topic, [])
        take = plain if plainly else told
        self.node.create_subscription(type_of(type), topic, lambda message: seen.append(take(message)), quality_of(quality))

    def take(self, topic, count, within=LONGEST):
        end = time.monotonic() + within
        while len(self.received[topic]) < count and time.monotonic() < end:
            time.sleep(0.005)
        return self.received[topic]

    def advertise(self, topic, type, quality, readers=0):
        publisher = self.node.create_publisher(type_of(type), topic, quality_of(quality))
        self.publishers[topic] = publisher
        self.until(lambda: publisher.get_subscription_count() >= readers, f"{topic} has {readers} readers")

    def publish(self, topic, numbers=None, value=None, pause=0.0):
        publisher = self.publishers[topic]
        if value is not None:
            publisher.publish(fill(publisher.msg_type(), value))
            return None
        sent = [made(publisher.msg_type, number) for number in numbers]
        for message in sent:
            publisher.publish(message)
            time.sleep(pause)
        return [told(message) for message in sent]

    def feed(self, topics, count, period):
        """Publishes serialized messages of several topics in turn, so many of each, over and over."""
        all_of = {topic: [base64.b64decode(each) for each in messages] for topic, messages in topics.items()}
        for number in range(count):
            for topic, messages in all_of.items():
                self.publishers[topic].publish(messages[number % len(messages)])
            time.sleep(period)

    def keep_sending(self, topic, seconds, period):
        publisher, count, begun = self.publishers[topic], 0, time.monotonic()
        while count * period < seconds:
            publisher.publish(made(publisher.msg_type, count))
            count += 1
            time.sleep(max(0.0, begun + count * period - time.monotonic()))
        return count

    def seen(self, node, topic, ends):
        """What others see of a node's topic, which has so many ends."""

        def known():
            return [
                *self.node.get_publishers_info_by_topic(topic),
                *self.node.get_subscriptions_info_by_topic(topic),
            ]

        def names():
            return [f"{space.rstrip('/')}/{name}" for name, space in self.node.get_node_names_and_namespaces()]

        # An end may be found before the node that it is of: until then it has no name.
        def named():
            return [each for each in known() if f"{each.node_namespace.rstrip('/')}/{each.node_name}" == node]

        self.until(lambda: node in names() and len(named()) == ends, f"{node} is there, and {ends} ends of {topic}")
        return {
            "types": dict(self.node.get_topic_names_and_types()).get(topic),
            "ends": [
                {
                    "node": f"{each.node_namespace}/{each.node_name}",
                    "type": each.topic_type,
                    "reliability": each.qos_profile.reliability.name,
                    "durability": each.qos_profile.durability.name,
                }
                for each in named()
            ],
        }

    def call(self, kind, name, request):
        client = self.node.create_client(kind, name)
        if not client.wait_for_service(LONGEST):
            raise RuntimeError(f"there is no {name}")
        future = client.call_async(request)
        self.until(future.done, f"{name} answers")
        return future.result()

    def ask(self, type, name, request):
        kind = type_of(type)
        return plain(self.call(kind, name, fill(kind.Request(), request)))

    def pursue(self, type, name, goal, cancel_after=None):
        """Sends a goal, which is given up after so many messages of feedback; what became of it."""
        kind, feedback = type_of(type), []
        client = ActionClient(self.node, kind, name)
        if not client.wait_for_server(LONGEST):
            raise RuntimeError(f"there is no {name}")
        sent = client.send_goal_async(
            fill(kind.Goal(), goal), lambda message: feedback.append(plain(message.feedback))
        )
        self.until(sent.done, f"{name} accepts or refuses")
        handle = sent.result()
        if not handle.accepted:
            return {"accepted": False}
        if cancel_after is not None:
            self.until(lambda: len(feedback) >= cancel_after, f"{name} tells how far it is")
            handle.cancel_goal_async()
        result = handle.get_result_async()
        self.until(result.done, f"{name} ends")
        return {"status": result.result().status, "result": plain(result.result().result), "feedback": feedback}

    def parameters(self, node):
        names = self.call(ListParameters, f"{node}/list_parameters", ListParameters.Request()).result.names
        values = self.call(GetParameters, f"{node}/get_parameters", GetParameters.Request(names=names)).values
        return {name: Parameter.from_parameter_msg(_message(name, value)).value for name, value in zip(names, values)}

    def named(self, arguments, name, topics, services):
        """What a node of rclpy makes of its arguments; nothing where it refuses them."""
        context = Context()
        # What is refused is said by rcl, too, past Python.
        shown = os.dup(2)
        with open(os.devnull, "w") as nowhere:
            os.dup2(nowhere.fileno(), 2)
        try:
            rclpy.init(args=["node", "--ros-args", *arguments], context=context)
            node = rclpy.create_node(
                name,
                context=context,
                allow_undeclared_parameters=True,
                automatically_declare_parameters_from_overrides=True,
                start_parameter_services=False,
            )
        except Exception as error:
            if type(error).__name__ not in ("RCLError", "UnknownROSArgsError"):
                raise
            return None
        finally:
            os.dup2(shown, 2)
            os.close(shown)
        made = {
            "node": node.get_fully_qualified_name(),
            "topics": [node.resolve_topic_name(each) for each in topics],
            "services": [node.resolve_service_name(each) for each in services],
            "parameters": {each: value.value for each, value in node.get_parameters_by_prefix("").items()},
        }
        node.destroy_node()
        rclpy.shutdown(context=context)
        return made

    def set(self, node, name, value):
        request = SetParameters.Request(parameters=[Parameter(name, value=value).to_parameter_msg()])
        [result] = self.call(SetParameters, f"{node}/set_parameters", request).results
        return [result.successful, result.reason]


def _message(name, value):
    from rcl_interfaces.msg import Parameter as ParameterMessage

    return ParameterMessage(name=name, value=value)


peer = Peer()
for line in sys.stdin:
    asked = json.loads(line)
    try:
        answer = {"value": getattr(peer, asked["do"])(**asked["with"])}
    except Exception as error:
        answer = {"error": f"{type(error).__name__}: {error}"}
    print(json.dumps(answer), flush=True)
peer.close()
