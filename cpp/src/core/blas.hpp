// The BLAS and LAPACK symbols that the core calls, and nothing else of them. Private to cpp/src.
#pragma once

#define RANKME_JOIN_(a, b) a##b
#define RANKME_JOIN(a, b) RANKME_JOIN_(a, b)
// scipy-openblas32 prefixes every symbol so that it can live beside another BLAS.
#define RANKME_BLAS(name) RANKME_JOIN(RANKME_BLAS_PREFIX, name)

extern "C" {
void RANKME_BLAS(dsymm_)(const char* side, const char* uplo, const int* m, const int* n,
                         const double* alpha, const double* a, const int* lda, const double* b,
                         const int* ldb, const double* beta, double* c, const int* ldc);
void RANKME_BLAS(dgemm_)(const char* transa, const char* transb, const int* m, const int* n,
                         const int* k, const double* alpha, const double* a, const int* lda,
                         const double* b, const int* ldb, const double* beta, double* c,
                         const int* ldc);
void RANKME_BLAS(dgesdd_)(const char* jobz, const int* m, const int* n, double* a, const int* lda,
                          double* s, double* u, const int* ldu, double* vt, const int* ldvt,
                          double* work, const int* lwork, int* iwork, int* info);
void RANKME_BLAS(dtpqrt_)(const int* m, const int* n, const int* l, const int* nb, double* a,
                          const int* lda, double* b, const int* ldb, double* t, const int* ldt,
                          double* work, int* info);
void RANKME_BLAS(dtpqrt2_)(const int* m, const int* n, const int* l, double* a, const int* lda,
                           double* b, const int* ldb, double* t, const int* ldt, int* info);
void RANKME_BLAS(dtprfb_)(const char* side, const char* trans, const char* direct,
                          const char* storev, const int* m, const int* n, const int* k,
                          const int* l, const double* v, const int* ldv, const double* t,
                          const int* ldt, double* a, const int* lda, double* b, const int* ldb,
                          double* work, const int* ldwork);
void RANKME_BLAS(dsytrd_)(const char* uplo, const int* n, double* a, const int* lda, double* d,
                          double* e, double* tau, double* work, const int* lwork, int* info);
void RANKME_BLAS(dstemr_)(const char* jobz, const char* range, const int* n, double* d, double* e,
                          const double* vl, const double* vu, const int* il, const int* iu, int* m,
                          double* w, double* z, const int* ldz, const int* nzc, int* isuppz,
                          int* tryrac, double* work, const int* lwork, int* iwork,
                          const int* liwork, int* info);
void RANKME_BLAS(dstedc_)(const char* compz, const int* n, double* d, double* e, double* z,
                          const int* ldz, double* work, const int* lwork, int* iwork,
                          const int* liwork, int* info);
void RANKME_BLAS(dormtr_)(const char* side, const char* uplo, const char* trans, const int* m,
                          const int* n, const double* a, const int* lda, const double* tau,
                          double* c, const int* ldc, double* work, const int* lwork, int* info);
void RANKME_BLAS(dsterf_)(const int* n, double* d, double* e, int* info);
void RANKME_BLAS(dlasq1_)(const int* n, double* d, double* e, double* work, int* info);
void RANKME_BLAS(dsymv_)(const char* uplo, const int* n, const double* alpha, const double* a,
                         const int* lda, const double* x, const int* incx, const double* beta,
                         double* y, const int* incy);
void RANKME_BLAS(dsyr2_)(const char* uplo, const int* n, const double* alpha, const double* x,
                         const int* incx, const double* y, const int* incy, double* a,
                         const int* lda);
int RANKME_BLAS(openblas_get_num_threads)();
void RANKME_BLAS(openblas_set_num_threads)(int count);
int RANKME_BLAS(openblas_get_parallel)();
char* RANKME_BLAS(openblas_get_config)();
char* RANKME_BLAS(openblas_get_corename)();
}
