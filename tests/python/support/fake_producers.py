"""Producers whose every word can be changed, built on the C interfaces by ctypes."""

import ctypes

import numpy as np

CPU, CUDA, CUDA_HOST, VULKAN, ROCM, CUDA_MANAGED = 1, 2, 3, 7, 10, 13
READ_ONLY, IS_COPIED = 1, 2
TYPES = {"float16": (2, 16), "bfloat16": (4, 16), "float32": (2, 32), "float64": (2, 64)}


class Tensor(ctypes.Structure):
    _fields_ = [
        ("data", ctypes.c_void_p),
        ("device_code", ctypes.c_int32),
        ("device_id", ctypes.c_int32),
        ("ndim", ctypes.c_int32),
        ("type_code", ctypes.c_uint8),
        ("type_bits", ctypes.c_uint8),
        ("type_lanes", ctypes.c_uint16),
        ("shape", ctypes.c_void_p),
        ("strides", ctypes.c_void_p),
        ("byte_offset", ctypes.c_uint64),
    ]


DELETER = ctypes.CFUNCTYPE(None, ctypes.c_void_p)


class Managed(ctypes.Structure):
    _fields_ = [("tensor", Tensor), ("context", ctypes.c_void_p), ("deleter", DELETER)]


class ManagedVersioned(ctypes.Structure):
    _fields_ = [
        ("major", ctypes.c_uint32),
        ("minor", ctypes.c_uint32),
        ("context", ctypes.c_void_p),
        ("deleter", DELETER),
        ("flags", ctypes.c_uint64),
        ("tensor", Tensor),
    ]


new_capsule = ctypes.pythonapi.PyCapsule_New
new_capsule.restype = ctypes.py_object
new_capsule.argtypes = [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_void_p]
capsule_name = ctypes.pythonapi.PyCapsule_GetName
capsule_name.restype = ctypes.c_char_p
capsule_name.argtypes = [ctypes.py_object]


def integers(values):
    return None if values is None else (ctypes.c_int64 * max(1, len(values)))(*values)


class DLPack:
    """An array that offers DLPack. `fields` are what the tensor says instead of the truth.

    `deleted` counts the calls of its deleter. The capsules carry no destructor, so that a tensor
    which nobody takes is never deleted: the count tells what the consumer did.
    """

    def __init__(self, z, *, versioned=True, name=None, version=(1, 0), flags=0, **fields):
        self.z, self.versioned, self.version, self.flags = z, versioned, version, flags
        self.name = name or (b"dltensor_versioned" if versioned else b"dltensor")
        self.shape = integers(fields.pop("shape", z.shape))
        strides = [stride // z.itemsize for stride in z.strides]
        self.strides = integers(fields.pop("strides", strides))
        code, bits = TYPES[z.dtype.name]
        self.fields = {
            "data": z.ctypes.data,
            "device_code": CPU,
            "ndim": z.ndim,
            "type_code": code,
            "type_bits": bits,
            "type_lanes": 1,
            "shape": ctypes.cast(self.shape, ctypes.c_void_p).value if self.shape else None,
            "strides": ctypes.cast(self.strides, ctypes.c_void_p).value if self.strides else None,
            **fields,
        }
        self.deleted = 0
        self.calls = []
        self.deleter = DELETER(self._delete)
        self.capsule = None
        self.managed = []

    def _delete(self, _pointer):
        self.deleted += 1

    def __dlpack_device__(self):
        return self.fields["device_code"], self.fields.get("device_id", 0)

    def __dlpack__(self, **arguments):
        self.calls.append(arguments)
        if not self.versioned and "max_version" in arguments:
            raise TypeError("__dlpack__() got an unexpected keyword argument 'max_version'")
        tensor = Tensor(**self.fields)
        if self.versioned:
            major, minor = self.version
            managed = ManagedVersioned(major, minor, None, self.deleter, self.flags, tensor)
        else:
            managed = Managed(tensor, None, self.deleter)
        self.managed.append(managed)  # each is read by its consumer until that lets it go
        self.capsule = new_capsule(ctypes.addressof(managed), self.name, None)
        return self.capsule


class CudaArray:
    """A CUDA array by both protocols, as CuPy has them; the pointer is never followed."""

    def __init__(self, shape, *, device=0, pointer=0x7F00_0000_0000):
        self.shape, self.device, self.pointer = shape, device, pointer
        self.stand_in = DLPack(
            np.broadcast_to(np.float32(0), shape),
            data=pointer,
            strides=None,
            device_code=CUDA,
            device_id=device,
        )
        self.__dlpack__ = self.stand_in.__dlpack__
        self.__dlpack_device__ = self.stand_in.__dlpack_device__

    @property
    def __cuda_array_interface__(self):
        return cuda_interface(self.shape, self.pointer)


def cuda_interface(shape, pointer=0x7F00_0000_0000, **entries):
    told = {
        "shape": shape,
        "typestr": "<f4",
        "data": (pointer, False),
        "version": 3,
        "strides": None,
        "stream": 1,
    }
    return {**told, **entries}


class Holder:
    """An object with these attributes."""

    def __init__(self, **attributes):
        self.__dict__.update(attributes)
