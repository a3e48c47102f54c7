"""Groups of TensorFlow nodes that are one ONNX operator: layer norm, GELU, leaky ReLU. MAXIM's package holds them taken
apart, which costs memory traffic; put together again the values differ by rounding only.

A pattern looks at a node and gives None, or (names it needs, ONNX operator, attributes). The first name is the input.
"""


class Patterns:
    def __init__(self, nodes, constants, source_of):
        self.nodes, self.constants, self.source_of = nodes, constants, source_of

    def inputs(self, name):
        return [self.source_of(entry) for entry in self.nodes[name].get('input', []) if not entry.startswith('^')]

    def op(self, name):
        return self.nodes[name]['op']

    def number(self, name):
        return float(self.constants[name]) if name in self.constants and self.constants[name].numel() == 1 else None

    def of(self, name):
        finders = {'AddV2': self.layer_norm, 'Mul': self.gelu, 'SelectV2': self.leaky_relu}
        find = finders.get(self.op(name))
        return find(name) if find else None

    def layer_norm(self, name):
        """(x - mean) · (1/√(variance + epsilon) · gamma) + beta, over the last axis."""
        scaled, beta = self.inputs(name)
        if self.op(scaled) != 'Mul':
            return None
        centred, scale = self.inputs(scaled)
        if self.op(centred) != 'Sub' or self.op(scale) != 'Mul':
            return None
        root, gamma = self.inputs(scale)
        if self.op(root) != 'Rsqrt':
            return None
        numbers = [self.number(source) for source in self.inputs(self.inputs(root)[0])]
        epsilon = next(value for value in numbers if value is not None)
        return [self.inputs(centred)[0], gamma, beta], 'LayerNormalization', {'axis': -1, 'epsilon': epsilon}

    def gelu(self, name):
        """(x/2) · (1 + tanh(…))"""
        half, one_more = self.inputs(name)
        if self.op(one_more) != 'AddV2' or self.op(half) != 'Mul':
            return None
        one, curve = self.inputs(one_more)
        if self.op(curve) != 'Tanh' or self.number(one) != 1 or self.number(self.inputs(half)[0]) != 0.5:
            return None
        return [self.inputs(half)[1]], 'Gelu', {'approximate': 'tanh'}

    def leaky_relu(self, name):
        """x where x ≥ 0, else alpha · x"""
        test, positive, negative = self.inputs(name)
        if self.op(test) != 'GreaterEqual' or self.op(negative) != 'Mul' or self.inputs(test)[0] != positive:
            return None
        pair = self.inputs(negative)
        alpha = next((self.number(source) for source in pair if source != positive), None)
        if alpha is None or positive not in pair:
            return None
        return [positive], 'LeakyRelu', {'alpha': alpha}
