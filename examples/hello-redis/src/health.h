/* What /healthz answers: 1 for well, 0 for ill. */
#define HEALTHY 1
