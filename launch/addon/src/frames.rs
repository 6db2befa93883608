//! `FrameTree`: what `/tf` and `/tf_static` tell of frames, made messages of the transforms that an application asks for.

use isochron_transport::{Answer, FrameTree as Tree, Pair};
use napi::bindgen_prelude::{BigInt, Buffer, Uint8Array};
use napi_derive::napi;

use crate::guarded;

/// A transform that is wanted: what carries points of `source` into `target`.
#[napi(object)]
pub struct FramePair {
    pub target: String,
    pub source: String,
}

/// News of a pair, as a geometry_msgs/msg/TransformStamped.
#[napi(object)]
pub struct FrameAnswer {
    pub pair: u32,
    pub message: Buffer,
}

#[napi]
pub struct FrameTree(Tree);

#[napi]
impl FrameTree {
    #[napi(constructor)]
    pub fn new(pairs: Vec<FramePair>) -> Self {
        Self(Tree::new(pairs.into_iter().map(|FramePair { target, source }| Pair { target, source }).collect()))
    }

    /// Takes a tf2_msgs/msg/TFMessage that came at a ROS time; answers for each pair of which there is news.
    #[napi]
    pub fn receive(&mut self, message: Uint8Array, fixed: bool, now_ns: BigInt) -> napi::Result<Vec<FrameAnswer>> {
        guarded(|| {
            let answers = self.0.receive(&message, fixed, now_ns.get_i64().0);
            let told = |Answer { pair, message }| FrameAnswer { pair: pair as u32, message: message.into() };
            Ok(answers.into_iter().map(told).collect())
        })
    }
}
