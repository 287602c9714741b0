#include "model/dataset.h"

void xt_dataset_clear(xt_dataset *data)
{
    xt_arena_clear(&data->arena);
    *data = (xt_dataset){0};
}
