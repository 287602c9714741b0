/* resume.h: the checkpoint that a run goes on from: found, and held against the run. */
#ifndef XT_APP_RESUME_H
#define XT_APP_RESUME_H

#include "app/checkpoint.h"
#include "app/run.h"

typedef struct xt_resume {
    bool found;      /* else there is none yet, and the run starts from the beginning */
    bool is_last;    /* it is the directory's last.safetensors */
    bool is_foreign; /* it is a file that was named, and the directory has no loss.csv for it */
    xt_buf name;     /* of the file, with its path */
    xt_moment moment;
    bool has_best;   /* best was filled */
    xt_buf changes;  /* settings that are not what the checkpoint was trained with, a line each */
} xt_resume;

/* Reads job->resume_file, or what there is in dir, and fills state ((1 + n_slots) * n_params floats) and best (n_params;
 * NULL: the run keeps none). Says with a warning when the last one is damaged and the one before is taken, and when
 * engine or device are others. XT_BAD_CONFIG or XT_BAD_DATA, with a line for each difference, where the run is another
 * one than the checkpoint's; XT_BAD_DATA where there is none that is sound. Changes nothing on the disk. out needs to be
 * cleared in any case. */
xt_status xt_resume_open(const xt_run_job *job, const xt_outdir *dir, float *state, float *best, xt_resume *out,
                         xt_err *err);
void xt_resume_clear(xt_resume *resume);

#endif
