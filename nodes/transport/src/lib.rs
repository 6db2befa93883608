//! Codec plans between message bytes and tensors; the ROS 2 wire.
