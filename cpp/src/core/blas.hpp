// The BLAS and LAPACK symbols that the core calls, and nothing else of them. Private to cpp/src.
#pragma once

#define RANKME_JOIN_(a, b) a##b
#define RANKME_JOIN(a, b) RANKME_JOIN_(a, b)
// scipy-openblas32 prefixes every symbol so that it can live beside another BLAS.
#define RANKME_BLAS(name) RANKME_JOIN(RANKME_BLAS_PREFIX, name)

extern "C" {
void RANKME_BLAS(dsyrk_)(const char* uplo, const char* trans, const int* n, const int* k,
                         const double* alpha, const double* a, const int* lda, const double* beta,
                         double* c, const int* ldc);
void RANKME_BLAS(dsymm_)(const char* side, const char* uplo, const int* m, const int* n,
                         const double* alpha, const double* a, const int* lda, const double* b,
                         const int* ldb, const double* beta, double* c, const int* ldc);
void RANKME_BLAS(dgesdd_)(const char* jobz, const int* m, const int* n, double* a, const int* lda,
                          double* s, double* u, const int* ldu, double* vt, const int* ldvt,
                          double* work, const int* lwork, int* iwork, int* info);
void RANKME_BLAS(dtpqrt_)(const int* m, const int* n, const int* l, const int* nb, double* a,
                          const int* lda, double* b, const int* ldb, double* t, const int* ldt,
                          double* work, int* info);
void RANKME_BLAS(dsyevd_)(const char* jobz, const char* uplo, const int* n, double* a,
                          const int* lda, double* w, double* work, const int* lwork, int* iwork,
                          const int* liwork, int* info);
void RANKME_BLAS(dsyevd_2stage_)(const char* jobz, const char* uplo, const int* n, double* a,
                                 const int* lda, double* w, double* work, const int* lwork,
                                 int* iwork, const int* liwork, int* info);
int RANKME_BLAS(openblas_get_num_threads)();
void RANKME_BLAS(openblas_set_num_threads)(int count);
int RANKME_BLAS(openblas_get_parallel)();
char* RANKME_BLAS(openblas_get_config)();
char* RANKME_BLAS(openblas_get_corename)();
}
