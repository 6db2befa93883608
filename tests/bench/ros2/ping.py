"""Sends numbered messages and takes their answers: a line of JSON asks, a line answers with the times of each, in nanoseconds."""

import array
import json
import sys
import time

import rclpy
from sensor_msgs.msg import Image, JointState

rclpy.init()
node = rclpy.create_node("ping")


def joints(number):
    return JointState(position=[float(number)] * 12)


pixels = array.array("B", bytes(1024 * 1024))


def picture(number):
    pixels[0], pixels[1] = number % 256, number // 256
    return Image(height=1024, width=1024, step=1024, encoding="mono8", data=pixels)


kinds = {
    "joints": (JointState, joints, lambda message: int(message.position[0])),
    "picture": (Image, picture, lambda message: message.data[0] + 256 * message.data[1]),
}


def ping(topic, kind, count, period):
    """When each was sent, what stamp its answer has, and when that came; only of those that were answered."""
    type_, made, number_of = kinds[kind]
    sent, answers = {}, {}

    def take(message):
        came = time.time_ns()
        stamp = message.header.stamp
        answers.setdefault(number_of(message), (stamp.sec * 10**9 + stamp.nanosec, came))

    subscription = node.create_subscription(type_, f"{topic}/back", take, 10)
    publisher = node.create_publisher(type_, topic, 10)
    end = time.monotonic() + 60
    while publisher.get_subscription_count() == 0 or node.count_publishers(f"{topic}/back") == 0:
        if time.monotonic() > end:
            raise RuntimeError(f"nobody answers on {topic}")
        rclpy.spin_once(node, timeout_sec=0.05)
    # Both ways have met once something has come back.
    while not answers:
        publisher.publish(made(0))
        rclpy.spin_once(node, timeout_sec=0.2)
    for number in range(1, count + 1):
        message = made(number)
        sent[number] = time.time_ns()
        publisher.publish(message)
        until = time.monotonic() + period
        while (left := until - time.monotonic()) > 0:
            rclpy.spin_once(node, timeout_sec=left)
    until = time.monotonic() + 1
    while len(answers) <= count and time.monotonic() < until:
        rclpy.spin_once(node, timeout_sec=0.1)
    node.destroy_publisher(publisher)
    node.destroy_subscription(subscription)
    return [[sent[number], *answers[number]] for number in sent if number in answers]


for line in sys.stdin:
    print(json.dumps(ping(**json.loads(line))), flush=True)
rclpy.shutdown()
