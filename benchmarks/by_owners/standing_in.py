"""What the owners' packages ask for when they are imported and none of these checks uses, declared without a body."""

import torch

_LIBRARIES = []


def without_torchvision_operators() -> None:
    """PyPI's torchvision is compiled for another torch; its Python part wants an operator's name to exist."""
    library = torch.library.Library("torchvision", "DEF")
    library.define("nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
    _LIBRARIES.append(library)


class _Material:
    """A material of nothing that is seen: every value may be set, every method called."""

    def __init__(self, **values: object) -> None:
        self.__dict__ |= values

    def __getattr__(self, name: str) -> object:
        return lambda *values: None


def without_rendering() -> None:
    """SAPIEN simulates without a rendering device, but does not build what would be seen."""
    import sapien.render
    import sapien.wrapper.urdf_loader
    from sapien.wrapper.actor_builder import ActorBuilder

    sapien.render.RenderMaterial = _Material
    sapien.wrapper.urdf_loader.RenderMaterial = _Material
    for name in dir(ActorBuilder):
        if name.startswith("add_") and "visual" in name:
            setattr(ActorBuilder, name, lambda self, *arguments, **named: self)
