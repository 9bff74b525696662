/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* A ring of jobs and the thread that does them. */
#include "host/verifier.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "host/thread.h"

/* The ticks come first. */
#define NICE 10

struct job {
	char header[CREDENTIALS_HEADER_MAX + 1];
	void (*done)(void *data, bool good);
	void *data;
};

struct verifier {
	struct credentials *credentials;
	struct thread thread;
	/* Under its lock: */
	size_t first, n_jobs;
	struct job jobs[VERIFIER_JOBS_MAX];
};

static void *run(void *user)
{
	struct verifier *verifier = user;
	struct job job;

	setpriority(PRIO_PROCESS, 0, NICE);
	pthread_mutex_lock(&verifier->thread.lock);
	while (verifier->n_jobs > 0 || !verifier->thread.stop) {
		bool good;

		if (verifier->n_jobs == 0) {
			pthread_cond_wait(&verifier->thread.cond, &verifier->thread.lock);
			continue;
		}
		job = verifier->jobs[verifier->first];
		explicit_bzero(&verifier->jobs[verifier->first], sizeof(job));
		verifier->first = (verifier->first + 1) % VERIFIER_JOBS_MAX;
		verifier->n_jobs--;
		good = !verifier->thread.stop;
		pthread_mutex_unlock(&verifier->thread.lock);
		good = good && credentials_check(verifier->credentials, job.header);
		explicit_bzero(job.header, sizeof(job.header));
		job.done(job.data, good);
		pthread_mutex_lock(&verifier->thread.lock);
	}
	pthread_mutex_unlock(&verifier->thread.lock);
	return NULL;
}

int verifier_start(struct credentials *credentials, struct verifier **ret_verifier)
{
	struct verifier *verifier = calloc(1, sizeof(*verifier));
	int r;

	if (!verifier)
		return -ENOMEM;
	verifier->credentials = credentials;
	thread_init(&verifier->thread);
	r = thread_start(&verifier->thread, run, verifier);
	if (r < 0) {
		thread_deinit(&verifier->thread);
		free(verifier);
		return r;
	}
	*ret_verifier = verifier;
	return 0;
}

static int put(struct verifier *verifier, const char *header,
	void (*done)(void *data, bool good), void *data)
{
	struct job *job =
		&verifier->jobs[(verifier->first + verifier->n_jobs) % VERIFIER_JOBS_MAX];

	if (verifier->thread.stop)
		return -ESHUTDOWN;
	if (verifier->n_jobs == VERIFIER_JOBS_MAX)
		return -EBUSY;
	strcpy(job->header, header);
	job->done = done;
	job->data = data;
	verifier->n_jobs++;
	pthread_cond_signal(&verifier->thread.cond);
	return 0;
}

int verifier_submit(struct verifier *verifier, const char *header,
	void (*done)(void *data, bool good), void *data)
{
	int r;

	if (strlen(header) > CREDENTIALS_HEADER_MAX)
		return -EMSGSIZE;
	pthread_mutex_lock(&verifier->thread.lock);
	r = put(verifier, header, done, data);
	pthread_mutex_unlock(&verifier->thread.lock);
	return r;
}

void verifier_stop(struct verifier *verifier)
{
	if (!verifier)
		return;
	thread_tell_stop(&verifier->thread);
	pthread_join(verifier->thread.id, NULL);
}

void verifier_free(struct verifier *verifier)
{
	if (!verifier)
		return;
	thread_deinit(&verifier->thread);
	free(verifier);
}
