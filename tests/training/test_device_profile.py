"""What a GPU is busy with."""

import pytest
import torch

from training.device_profile import Kernel, busy_rows, covered, kernels_of, kind_of


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("void cudnn::bn_bw_1C11_kernel_new<float>", "normalisation"),
        ("void at::native::batch_norm_collect_statistics_channels_last_kernel", "normalisation"),
        ("sm90_xmma_fprop_implicit_gemm_bf16bf16_bf16f32", "convolutions"),
        ("void at::native::conv_depthwise2d_backward_kernel<3, 1>", "convolutions"),
        ("void vector_fft<96u, EPT<16u>>", "Fourier transforms"),
        ("sm80_xmma_gemm_f32f32_f32f32_f32_tn_n_tilesize32x32x8", "matrix products"),
        ("void at::native::multi_tensor_apply_kernel<TensorListMetadata>", "optimiser"),
        ("void at::native::vectorized_elementwise_kernel<4>", "element by element"),
        ("Memcpy HtoD (Pinned -> Device)", "copies"),
        ("void at::native::reduce_kernel<512, 1>", "reductions"),
        ("mystery", "other"),
    ],
)
def test_kernels_have_a_kind(name, kind):
    assert kind_of(name) == kind


def test_time_that_two_kernels_share_counts_once():
    spans = [(0, 4), (2, 3), (3, 6), (10, 11)]
    assert covered(Kernel("", *span) for span in spans) == 7


def test_shares_are_of_the_time_from_first_to_last():
    kernels = [Kernel("fft", 0, 60), Kernel("fft", 20, 40), Kernel("gemm", 50, 75),
               Kernel("memset", 99, 100)]  # fmt: skip
    rows = {row["GPU"]: row["share of the time"] for row in busy_rows(kernels)}
    assert rows == {
        "Fourier transforms": "60.0%",
        "matrix products": "25.0%",
        "copies": "1.0%",
        "idle": "24.0%",
    }


def test_without_kernels_it_says_so():
    with pytest.raises(ValueError, match="the profiler saw no kernels"):
        busy_rows([])


@pytest.mark.cuda
def test_kernels_of_a_gpu():
    def work():
        x = torch.randn(512, 512, device="cuda")
        (x @ x).sum().item()

    rows = busy_rows(kernels_of(work))
    assert {"matrix products", "reductions", "idle"} <= {row["GPU"] for row in rows}
