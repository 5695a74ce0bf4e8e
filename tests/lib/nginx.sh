# SPDX-License-Identifier: Apache-2.0
# An nginx of the caller's own, for tests that need a server which is faster
# than what is measured: answers every path with 200 and three bytes.

# nginx_start DIR [LOG]: on a free port of 127.0.0.1, with DIR for its files;
# sets nginx_port and nginx_pid.  LOG: an access log "STATUS BYTES PATH" a line.
nginx_start() {
	local dir=$1 log=${2:+$2 short} try
	nginx_port=$(python3 -c 'import socket
s = socket.create_server(("127.0.0.1", 0)); print(s.getsockname()[1])')
	mkdir -p "$dir"
	cat >"$dir/nginx.conf" <<-CONF
		daemon off;
		pid $dir/pid;
		error_log $dir/error.log;
		worker_processes 1;
		worker_rlimit_nofile 20000;
		events { worker_connections 10000; }
		http {
		  log_format short '\$status \$body_bytes_sent \$uri';
		  access_log ${log:-off};
		  keepalive_requests 1000000000;
		  keepalive_timeout 1h;
		  client_body_temp_path $dir/body;
		  proxy_temp_path $dir/proxy;
		  fastcgi_temp_path $dir/fastcgi;
		  uwsgi_temp_path $dir/uwsgi;
		  scgi_temp_path $dir/scgi;
		  server {
		    listen 127.0.0.1:$nginx_port backlog=8192;
		    location / { return 200 "ok\n"; }
		  }
		}
	CONF
	nginx -p "$dir" -c "$dir/nginx.conf" 2>"$dir/err" &
	nginx_pid=$!
	for try in $(seq 200); do
		(: <>"/dev/tcp/127.0.0.1/$nginx_port") 2>/dev/null && return 0
		kill -0 "$nginx_pid" 2>/dev/null || break
		sleep 0.05
	done
	cat "$dir/err" "$dir/error.log" >&2
	return 1
}

nginx_stop() {
	kill -QUIT "$nginx_pid" 2>/dev/null
	wait "$nginx_pid" 2>/dev/null
}
