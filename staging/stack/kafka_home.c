/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where make setup put the broker: its jars in libs, log4j2.properties and, for
 * a quicker start, the class archive kafka.jsa, all in one directory.
 */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "staging/stack/impl.h"

static int compare_names(const void *a, const void *b)
{
	return strcmp(a, b);
}

size_t kafka_jars(const char *home, char names[][STACK_PATH], size_t max)
{
	char path[STACK_PATH + 8];
	struct dirent *entry;
	size_t n = 0;
	DIR *dir;

	snprintf(path, sizeof(path), "%s/libs", home);
	dir = opendir(path);
	while (dir && n < max && (entry = readdir(dir))) {
		const char *dot = strrchr(entry->d_name, '.');

		if (dot && !strcmp(dot, ".jar"))
			snprintf(names[n++], STACK_PATH, "%s", entry->d_name);
	}
	if (dir)
		closedir(dir);
	/* strcmp's order is that of setup.sh (LC_ALL=C): the archive is bound
	 * to the class path it was made with. */
	qsort(names, n, STACK_PATH, compare_names);
	return n;
}

void kafka_classpath(const char *home, struct buf *dst)
{
	char names[64][STACK_PATH];
	size_t n = kafka_jars(home, names, 64);

	for (size_t i = 0; i < n; i++)
		buf_addf(dst, "%s%s/libs/%s", i ? ":" : "", home, names[i]);
}

static bool home_is_good(const char *home)
{
	char names[64][STACK_PATH], path[STACK_PATH + 32];

	snprintf(path, sizeof(path), "%s/log4j2.properties", home);
	return !access(path, R_OK) && kafka_jars(home, names, 64) > 10;
}

/* $GAMEDAY_KAFKA, then build/kafka beside build/release, then the source's. */
static bool find_home(char dst[STACK_PATH])
{
	const char *env = getenv("GAMEDAY_KAFKA");
	char self[PATH_MAX], resolved[PATH_MAX];

	if (env) {
		snprintf(dst, STACK_PATH, "%s", env);
		return home_is_good(dst);
	}
	if (!stack_sibling("../kafka", self) && realpath(self, resolved) &&
	    strlen(resolved) < STACK_PATH) {
		strcpy(dst, resolved);
		if (home_is_good(dst))
			return true;
	}
	snprintf(dst, STACK_PATH, "%s/build/kafka", GAMEDAY_SOURCE_DIR);
	return home_is_good(dst);
}

static bool find_java(char dst[PATH_MAX])
{
	const char *home = getenv("JAVA_HOME"), *dirs = getenv("PATH");

	if (home) {
		snprintf(dst, PATH_MAX, "%s/bin/java", home);
		if (!access(dst, X_OK))
			return true;
	}
	while (dirs && *dirs) {
		size_t len = strcspn(dirs, ":");

		snprintf(dst, PATH_MAX, "%.*s/java", (int)len, dirs);
		if (len && !access(dst, X_OK))
			return true;
		dirs += len + (dirs[len] == ':');
	}
	return false;
}

bool kafka_find(char home[STACK_PATH], char java[PATH_MAX],
		const char **ret_why)
{
	if (!find_java(java)) {
		*ret_why = "there is no java here";
		return false;
	}
	if (!find_home(home)) {
		*ret_why = "Kafka's jars are not here (make setup gets them)";
		return false;
	}
	*ret_why = NULL;
	return true;
}
