import torch
from torch import nn

from training.batchnorm import estimate_averages


def test_averages_are_those_of_the_inputs():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Dropout(0.5), nn.BatchNorm1d(3), nn.Linear(3, 2), nn.BatchNorm1d(2))
    batches = [torch.randn(64, 3) * 5 + 7 for _ in range(4)]
    model.train()(torch.zeros(4, 3))  # what was learned before is forgotten
    estimate_averages(model, [(batch,) for batch in batches])
    first = model[1]
    torch.testing.assert_close(first.running_mean, torch.cat(batches).mean(0))
    expected = torch.stack([batch.var(0) for batch in batches]).mean(0)
    torch.testing.assert_close(first.running_var, expected)
    assert not any(module.training for module in model.modules())
    # as evaluation normalises, the outputs have a mean of 0 and a variance of about 1
    y = model(torch.cat(batches))
    torch.testing.assert_close(y.mean(0), torch.zeros(2), atol=1e-4, rtol=0)
    torch.testing.assert_close(y.var(0), torch.ones(2), atol=0.1, rtol=0)


def test_running_averages_go_on_as_before():
    norm = nn.BatchNorm1d(3, momentum=0.25)
    estimate_averages(norm, [(torch.zeros(8, 3),)])
    norm.train()(torch.ones(8, 3))
    torch.testing.assert_close(norm.running_mean, torch.full((3,), 0.25))
