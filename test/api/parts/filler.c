/* filler - a library whose only purpose is FILLER_SIZE bytes of static TLS. */
char *filler_use(void);

__attribute__((tls_model("initial-exec"))) static __thread char filler[FILLER_SIZE]
    __attribute__((aligned(8)));

char *filler_use(void) { return filler; }
