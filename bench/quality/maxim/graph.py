"""A frozen TensorFlow graph (tfjs "graph-model") as an ONNX file for one size of photo.

Values that do not depend on pixels are computed here and become constants, so that of shape arithmetic and resampling
matrices nothing is left. Of the others only shapes are computed (PyTorch's meta device). Semantics of the operators:
TensorFlow's API documentation; ONNX: the operator list, opset 20.
"""
import base64
import hashlib
import json
from pathlib import Path

import numpy as np
import onnx
import torch
import torch.nn.functional as F

from .patterns import Patterns
from onnx import TensorProto, helper, numpy_helper

DTYPES = {'float32': '<f4', 'int32': '<i4', 'bool': '?'}
CASTS = {'DT_FLOAT': torch.float32, 'DT_INT32': torch.int64, 'DT_INT64': torch.int64, 'DT_BOOL': torch.bool}


def read_weights(folder, manifest):
    """Constants by name. int32 is widened: ONNX wants int64 for shapes."""
    data = b''.join((folder / path).read_bytes() for group in manifest for path in group['paths'])
    values, start = {}, 0
    for group in manifest:
        for entry in group['weights']:
            dtype = np.dtype(DTYPES[entry['dtype']])
            count = int(np.prod(entry['shape']))
            array = np.frombuffer(data, dtype, count, start).reshape(entry['shape'])
            start += count * dtype.itemsize
            values[entry['name']] = torch.from_numpy(array.astype(np.int64 if dtype.kind == 'i' else dtype))
    return values


def source_of(name):
    return name.lstrip('^').split(':')[0]


def integers(attr, key):
    return [int(value) for value in attr.get(key, {}).get('list', {}).get('i', [])]


def text(attr, key):
    return base64.b64decode(attr[key]['s']).decode()


def same_padding(size, kernel, stride):
    total = max((-(-size // stride) - 1) * stride + kernel - size, 0)
    return total // 2, total - total // 2


def slices(ins, attr):
    """Python slices of StridedSlice, and the axes that it drops."""
    masks = {key: int(attr.get(f'{key}_mask', {}).get('i', 0)) for key in ('begin', 'end', 'shrink_axis', 'ellipsis', 'new_axis')}
    if masks['ellipsis'] or masks['new_axis']:
        raise ValueError('StridedSlice with an ellipsis or a new axis')
    begin, end, step = (ins[i].tolist() for i in (1, 2, 3))
    cut, dropped = [], []
    for axis in range(len(begin)):
        if masks['shrink_axis'] >> axis & 1:
            cut.append(slice(begin[axis], begin[axis] + 1 or None))
            dropped.append(axis)
        else:
            first = None if masks['begin'] >> axis & 1 else begin[axis]
            last = None if masks['end'] >> axis & 1 else end[axis]
            cut.append(slice(first, last, step[axis]))
    return cut, dropped


def conv_padding(ins, attr):
    kernel, stride = ins[1].shape, integers(attr, 'strides')[1:3]
    if text(attr, 'padding') == 'VALID':
        return (0, 0), (0, 0), stride
    if text(attr, 'padding') != 'SAME':
        raise ValueError('explicit padding')
    return tuple(same_padding(ins[0].shape[1 + i], kernel[i], stride[i]) for i in (0, 1)) + (stride,)


def conv(ins, attr):
    rows, columns, stride = conv_padding(ins, attr)
    photo = F.pad(ins[0].permute(0, 3, 1, 2), (*columns, *rows))
    return F.conv2d(photo, ins[1].permute(3, 2, 0, 1), stride=stride).permute(0, 2, 3, 1)


def strided(ins, attr):
    cut, dropped = slices(ins, attr)
    out = ins[0][tuple(cut)]
    return out.squeeze(dropped) if dropped else out


def axes(value):
    return [int(axis) for axis in np.atleast_1d(value.numpy())]


# What an operator gives, for constants (real tensors) and for shapes (meta tensors) alike.
VALUE = {
    'Identity': lambda i, a: i[0], 'Mul': lambda i, a: i[0] * i[1], 'AddV2': lambda i, a: i[0] + i[1],
    'Sub': lambda i, a: i[0] - i[1], 'RealDiv': lambda i, a: i[0] / i[1], 'Square': lambda i, a: i[0] * i[0],
    'FloorDiv': lambda i, a: torch.div(i[0], i[1], rounding_mode='floor'), 'FloorMod': lambda i, a: torch.remainder(i[0], i[1]),
    'Maximum': lambda i, a: torch.maximum(i[0], i[1]), 'Minimum': lambda i, a: torch.minimum(i[0], i[1]),
    'Greater': lambda i, a: i[0] > i[1], 'GreaterEqual': lambda i, a: i[0] >= i[1], 'Less': lambda i, a: i[0] < i[1],
    'LessEqual': lambda i, a: i[0] <= i[1], 'NotEqual': lambda i, a: i[0] != i[1],
    'LogicalAnd': lambda i, a: i[0] & i[1], 'SelectV2': lambda i, a: torch.where(i[0], i[1], i[2]),
    'Neg': lambda i, a: -i[0], 'Exp': lambda i, a: i[0].exp(), 'Tanh': lambda i, a: i[0].tanh(),
    'Abs': lambda i, a: i[0].abs(), 'Sign': lambda i, a: i[0].sign(), 'Floor': lambda i, a: i[0].floor(),
    'Rsqrt': lambda i, a: i[0].rsqrt(), 'Reciprocal': lambda i, a: i[0].reciprocal(),
    'Cast': lambda i, a: i[0].to(CASTS[a['DstT']['type']]),
    'Pack': lambda i, a: torch.stack(i, int(a.get('axis', {}).get('i', 0))),
    'Reshape': lambda i, a: i[0].reshape(i[1].tolist()), 'BroadcastTo': lambda i, a: i[0].expand(i[1].tolist()),
    'Transpose': lambda i, a: i[0].permute(i[1].tolist()), 'ExpandDims': lambda i, a: i[0].unsqueeze(int(i[1])),
    'Squeeze': lambda i, a: i[0].squeeze(integers(a, 'squeeze_dims')), 'StridedSlice': strided,
    'Sum': lambda i, a: i[0].sum(axes(i[1]), keepdim=bool(a.get('keep_dims', {}).get('b', False))),
    'ConcatV2': lambda i, a: torch.cat(i[:-1], int(i[-1])), 'Range': lambda i, a: torch.arange(*(int(v) for v in i)),
    'GatherV2': lambda i, a: torch.index_select(i[0], int(i[2]), i[1].reshape(-1)),
    'Einsum': lambda i, a: torch.einsum(text(a, 'equation'), *i), 'Conv2D': conv,
    'Conv2DBackpropInput': lambda i, a: torch.empty(i[0].tolist(), device='meta'),
}
# Inputs that have to be numbers even where the result depends on pixels.
NUMBERS = {
    'Reshape': [1], 'BroadcastTo': [1], 'Transpose': [1], 'ExpandDims': [1], 'Sum': [1], 'StridedSlice': [1, 2, 3],
    'ConcatV2': [-1], 'GatherV2': [2], 'Conv2DBackpropInput': [0],
}
PLAIN = {
    'Mul': 'Mul', 'AddV2': 'Add', 'Sub': 'Sub', 'RealDiv': 'Div', 'Maximum': 'Max', 'Minimum': 'Min', 'Neg': 'Neg',
    'Exp': 'Exp', 'Tanh': 'Tanh', 'Abs': 'Abs', 'Reciprocal': 'Reciprocal', 'SelectV2': 'Where',
    'GreaterEqual': 'GreaterOrEqual',
}


class Converter:
    def __init__(self, folder, height, width):
        model = json.loads((folder / 'model.json').read_text())
        self.nodes = {node['name']: node for node in model['modelTopology']['node']}
        self.output = source_of(next(iter(model['signature']['outputs'].values()))['name'])
        self.constants = read_weights(folder, model['weightsManifest'])
        self.patterns = Patterns(self.nodes, self.constants, source_of)
        self.shape = (1, height, width, 3)
        self.values, self.names = {}, {}
        self.emitted, self.initializers, self.count = [], {}, 0

    def emit(self, op, inputs, **attributes):
        self.count += 1
        name = f'v{self.count}'
        self.emitted.append(helper.make_node(op, inputs, [name], **attributes))
        return name

    def constant(self, value):
        array = np.ascontiguousarray(value.numpy() if isinstance(value, torch.Tensor) else np.asarray(value, np.int64))
        key = (array.dtype.str, array.shape, hashlib.sha256(array.tobytes()).digest())
        if key not in self.initializers:
            self.initializers[key] = numpy_helper.from_array(array, f'c{len(self.initializers)}')
        return self.initializers[key].name

    def name_of(self, source):
        return self.names[source] if source in self.names else self.constant(self.values[source])

    def run(self, name):
        node = self.nodes[name]
        op, attr = node['op'], node.get('attr', {})
        sources = [source_of(entry) for entry in node.get('input', []) if not entry.startswith('^')]
        ins = [self.values[source] for source in sources]
        if op == 'Const':
            self.values[name] = self.constants[name]
        elif op == 'Placeholder':
            self.values[name], self.names[name] = torch.empty(self.shape, device='meta'), 'photo'
        elif op == 'Shape':
            self.values[name] = torch.tensor(ins[0].shape)
        elif any(source in self.names for source in sources):
            numbers = {index % len(ins) for index in NUMBERS.get(op, [])}
            metas = [value if i in numbers else value.to('meta') for i, value in enumerate(ins)]
            self.values[name] = VALUE[op](metas, attr)
            self.names[name] = self.translate(op, attr, sources, ins, self.values[name].shape)
        else:
            self.values[name] = VALUE[op](ins, attr)

    def translate(self, op, attr, sources, ins, shape):
        def of(index):
            return self.name_of(sources[index])

        if op == 'Identity':
            return of(0)
        if op in PLAIN:
            return self.emit(PLAIN[op], [self.name_of(source) for source in sources])
        if op == 'Square':
            return self.emit('Mul', [of(0), of(0)])
        if op == 'Rsqrt':
            return self.emit('Reciprocal', [self.emit('Sqrt', [of(0)])])
        if op in ('Reshape', 'Squeeze', 'ExpandDims'):
            return self.emit('Reshape', [of(0), self.constant(list(shape))])
        if op == 'BroadcastTo':
            return self.emit('Expand', [of(0), self.constant(list(shape))])
        if op == 'Transpose':
            return self.emit('Transpose', [of(0)], perm=ins[1].tolist())
        if op == 'Sum':
            keep = int(bool(attr.get('keep_dims', {}).get('b', False)))
            return self.emit('ReduceSum', [of(0), self.constant(axes(ins[1]))], keepdims=keep)
        if op == 'ConcatV2':
            return self.emit('Concat', [self.name_of(source) for source in sources[:-1]], axis=int(ins[-1]))
        if op == 'GatherV2':
            return self.emit('Gather', [of(0), of(1)], axis=int(ins[2]))
        if op == 'Einsum':
            return self.product(text(attr, 'equation'), of(0), of(1), ins, shape)
        if op == 'StridedSlice':
            cut, dropped = slices(ins, attr)
            spans = [part.indices(size) for part, size in zip(cut, ins[0].shape)]
            inputs = [self.constant([span[i] for span in spans]) for i in (0, 1)]
            inputs += [self.constant(list(range(len(spans)))), self.constant([span[2] for span in spans])]
            part = self.emit('Slice', [of(0), *inputs])
            return self.emit('Reshape', [part, self.constant(list(shape))]) if dropped else part
        if op == 'Conv2D':
            rows, columns, stride = conv_padding(ins, attr)
            if ins[1].shape[:2] == (1, 1) and stride == [1, 1]:
                return self.emit('MatMul', [of(0), self.constant(ins[1][0, 0])])
            pads = [rows[0], columns[0], rows[1], columns[1]]
            return self.channels_last('Conv', of(0), ins[1].permute(3, 2, 0, 1), strides=stride, pads=pads)
        if op == 'Conv2DBackpropInput':
            stride = integers(attr, 'strides')[1:3]
            rows, columns = (same_padding(shape[1 + i], ins[1].shape[i], stride[i]) for i in (0, 1))
            pads = [rows[0], columns[0], rows[1], columns[1]]
            extra = [
                shape[1 + i] - ((ins[2].shape[1 + i] - 1) * stride[i] + ins[1].shape[i] - sum((rows, columns)[i])) for i in (0, 1)
            ]
            kernel = ins[1].permute(3, 2, 0, 1)
            return self.channels_last('ConvTranspose', of(2), kernel, strides=stride, pads=pads, output_padding=extra)
        raise ValueError(f'{op} on pixels')

    def product(self, equation, left, right, ins, shape):
        """The three Einsums of MAXIM as matrix products."""
        if equation == 'abcg,gf->abcf':
            return self.emit('MatMul', [left, right])
        if equation == 'abgd,gf->abdf':
            return self.emit('MatMul', [self.emit('Transpose', [left], perm=[0, 1, 3, 2]), right])
        if equation == 'gb,cgef->bcef' and ins[1].shape[0] == 1:
            rows = self.emit('Reshape', [right, self.constant([ins[1].shape[1], -1])])
            flat = self.emit('MatMul', [self.emit('Transpose', [left], perm=[1, 0]), rows])
            return self.emit('Reshape', [flat, self.constant(list(shape))])
        raise ValueError(f'Einsum {equation}')

    def channels_last(self, op, photo, kernel, **attributes):
        first = self.emit('Transpose', [photo], perm=[0, 3, 1, 2])
        return self.emit('Transpose', [self.emit(op, [first, self.constant(kernel)], **attributes)], perm=[0, 2, 3, 1])

    def fuse(self, needed, op, attributes):
        ins = [self.name_of(source) for source in needed]
        return self.values[needed[0]], self.emit(op, ins, **attributes)

    def convert(self):
        stack = [self.output]
        while stack:
            name = stack[-1]
            pattern = self.patterns.of(name)
            needed = pattern[0] if pattern else [source_of(s) for s in self.nodes[name].get('input', [])]
            missing = [source for source in needed if source not in self.values]
            stack += missing
            if missing:
                continue
            stack.pop()
            if name in self.values:
                continue
            if pattern and needed[0] in self.names:
                self.values[name], self.names[name] = self.fuse(*pattern)
            else:
                self.run(name)
        self.emitted.append(helper.make_node('Identity', [self.names[self.output]], ['restored']))
        ports = [helper.make_tensor_value_info(port, TensorProto.FLOAT, list(self.shape)) for port in ('photo', 'restored')]
        graph = helper.make_graph(self.emitted, 'maxim', ports[:1], ports[1:], list(self.initializers.values()))
        return helper.make_model(graph, opset_imports=[helper.make_opsetid('', 20)], ir_version=9)


def convert(folder, height, width, out):
    """
    folder: of the package's model.json; height and width: multiples of 64; out: file. The model takes and gives
    NHWC float32 RGB in 0..1.
    """
    with torch.no_grad():
        onnx.save(Converter(Path(folder), height, width).convert(), str(out))
