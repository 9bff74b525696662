# SPDX-License-Identifier: LGPL-2.1-or-later
# vmpower-hostd and vmpower: sources, attribution, ledger, links, command line.
noinst_LIBRARIES += host/libhost.a
host_libhost_a_CFLAGS = $(AM_CFLAGS) $(CJSON_CFLAGS) $(INIH_CFLAGS) $(HOST_CFLAGS) \
	$(NCURSES_CFLAGS)
host_libhost_a_SOURCES = \
	host/accept.c host/accept.h \
	host/apportion.c host/apportion.h \
	host/calibrate.c host/calibrate.h \
	host/calibration.c host/calibration.h \
	host/calibration_file.c host/calibration_file.h \
	host/cgroup.c host/cgroup.h \
	host/client.c host/client.h \
	host/coefficients.c host/coefficients.h \
	host/coefficients_state.c host/coefficients_state.h \
	host/command_settings.c host/command_settings.h \
	host/cpu_load.c host/cpu_load.h \
	host/cpu_source.c host/cpu_source.h \
	host/cpufreq.c host/cpufreq.h \
	host/cpulist.c host/cpulist.h \
	host/credentials.c host/credentials.h \
	host/csv.c host/csv.h \
	host/cure.c host/cure.h \
	host/diagnose.c host/diagnose.h \
	host/diagnose_domain.c \
	host/diagnose_idle.c \
	host/doctor.c host/doctor.h \
	host/domain_cgroup.c host/domain_cgroup.h \
	host/domain_cpu.c host/domain_cpu.h \
	host/domain_metadata.c host/domain_metadata.h \
	host/domain_xml.c host/domain_xml.h \
	host/durable.c host/durable.h \
	host/energy.c host/energy.h \
	host/enroll.c host/enroll.h \
	host/enroll_all.c host/enroll_all.h \
	host/enroll_watch.c host/enroll_watch.h \
	host/estimate.c host/estimate.h \
	host/export_parse.c host/export_parse.h \
	host/export_row.c host/export_row.h \
	host/export_time.c host/export_time.h \
	host/facts.c host/facts.h \
	host/facts_holder.c \
	host/facts_hostd.c \
	host/facts_libvirt.c \
	host/facts_powercap.c \
	host/finding.c host/finding.h \
	host/fnv.h \
	host/guest_link.c host/guest_link.h \
	host/guest_zones.c host/guest_zones.h \
	host/health.c host/health.h \
	host/host_header.c host/host_header.h \
	host/hostd.c host/hostd.h \
	host/hostd_config.c host/hostd_config.h \
	host/http.c host/http.h \
	host/http_answer.c host/http_answer.h \
	host/http_cache.c host/http_cache.h \
	host/http_clients.c host/http_clients.h \
	host/http_listen.c host/http_listen.h \
	host/http_path.c host/http_path.h \
	host/http_servers.c host/http_servers.h \
	host/http_tick.c host/http_tick.h \
	host/idle_policy.c host/idle_policy.h \
	host/idle_power.c host/idle_power.h \
	host/idle_setup.c host/idle_setup.h \
	host/interval_block.c host/interval_block.h \
	host/interval_file.c host/interval_file.h \
	host/interval_fold.c host/interval_fold.h \
	host/interval_load.c host/interval_load.h \
	host/interval_queue.c host/interval_queue.h \
	host/interval_record.c host/interval_record.h \
	host/interval_sum.c host/interval_sum.h \
	host/inventory.c host/inventory.h \
	host/inventory_libvirt.c host/inventory_libvirt.h \
	host/json_decimal.c host/json_decimal.h \
	host/json_line.c host/json_line.h \
	host/json_scan.c host/json_scan.h \
	host/json_string.c host/json_string.h \
	host/json_text.c host/json_text.h \
	host/kthread_scan.c host/kthread_scan.h \
	host/label.c host/label.h \
	host/labels.c host/labels.h \
	host/ledger.c host/ledger.h \
	host/ledger_book.c host/ledger_book.h \
	host/ledger_check.c host/ledger_check.h \
	host/ledger_close.c host/ledger_close.h \
	host/ledger_command.c host/ledger_command.h \
	host/ledger_departed.c host/ledger_departed.h \
	host/ledger_export.c host/ledger_export.h \
	host/ledger_file.c host/ledger_file.h \
	host/ledger_image.c host/ledger_image.h \
	host/ledger_guard.c host/ledger_guard.h \
	host/ledger_history.c host/ledger_history.h \
	host/ledger_inventory.c host/ledger_inventory.h \
	host/ledger_load.c host/ledger_load.h \
	host/ledger_merge.c host/ledger_merge.h \
	host/ledger_row.c host/ledger_row.h \
	host/ledger_super.c host/ledger_super.h \
	host/libvirt_domains.c host/libvirt_domains.h \
	host/libvirt_loop.c host/libvirt_loop.h \
	host/lines.c host/lines.h \
	host/link.c host/link.h \
	host/link_socket.c host/link_socket.h \
	host/links.c host/links.h \
	host/list.c host/list.h \
	host/listen_address.c host/listen_address.h \
	host/load.c host/load.h \
	host/machine.c host/machine.h \
	host/measure.c host/measure.h \
	host/measure_child.c host/measure_child.h \
	host/measure_command.c host/measure_command.h \
	host/measure_file.c host/measure_file.h \
	host/measure_record.c host/measure_record.h \
	host/measure_report.c host/measure_report.h \
	host/measure_window.c host/measure_window.h \
	host/memory.c host/memory.h \
	host/merge_print.c host/merge_print.h \
	host/merge_time.c host/merge_time.h \
	host/meter.c host/meter.h \
	host/metrics.c host/metrics.h \
	host/metrics_compat.c host/metrics_compat.h \
	host/metrics_points.c host/metrics_points.h \
	host/metrics_push.c host/metrics_push.h \
	host/metrics_sink.h \
	host/metrics_text.c host/metrics_text.h \
	host/model_bank.c host/model_bank.h \
	host/numa_text.c host/numa_text.h \
	host/output_log.c host/output_log.h \
	host/percent.c host/percent.h \
	host/player_load.c host/player_load.h \
	host/poller.c host/poller.h \
	host/power_model.c host/power_model.h \
	host/powercap.c host/powercap.h \
	host/process.c host/process.h \
	host/process_memory.c host/process_memory.h \
	host/procstat.c host/procstat.h \
	host/progress.c host/progress.h \
	host/protobuf.c host/protobuf.h \
	host/publisher.c host/publisher.h \
	host/push.c host/push.h \
	host/push_backoff.c host/push_backoff.h \
	host/push_config.c host/push_config.h \
	host/push_format.c host/push_format.h \
	host/push_http.c \
	host/push_influx.c \
	host/push_ndjson.c \
	host/push_queue.c host/push_queue.h \
	host/push_remote_write.c \
	host/push_riemann.c \
	host/push_riemann_tcp.c \
	host/push_series.c host/push_series.h \
	host/push_target.c host/push_target.h \
	host/push_transport.h \
	host/push_warp10.c \
	host/recorder.c host/recorder.h \
	host/recording.c host/recording.h \
	host/replay.c host/replay.h \
	host/residency.c host/residency.h \
	host/riemann_answer.c host/riemann_answer.h \
	host/roster.c host/roster.h \
	host/sample.c host/sample.h \
	host/sampler.c host/sampler.h \
	host/selection.c host/selection.h \
	host/self_usage.c host/self_usage.h \
	host/server_process.c host/server_process.h \
	host/since_boot.c host/since_boot.h \
	host/since_boot_file.c host/since_boot_file.h \
	host/since_boot_state.c \
	host/snapshot.c host/snapshot.h \
	host/snapshot_csv.c host/snapshot_csv.h \
	host/snapshot_json.c host/snapshot_json.h \
	host/snapshot_line.c host/snapshot_line.h \
	host/statistics.c host/statistics.h \
	host/stream.c host/stream.h \
	host/stream_target.c host/stream_target.h \
	host/streams.c host/streams.h \
	host/task.c host/task.h \
	host/text.c host/text.h \
	host/thread.c host/thread.h \
	host/tick.c host/tick.h \
	host/tick_json.c host/tick_json.h \
	host/tick_request.c host/tick_request.h \
	host/top.c host/top.h \
	host/top_columns.c host/top_columns.h \
	host/top_feed.c host/top_feed.h \
	host/top_frame.c host/top_frame.h \
	host/top_model.c host/top_model.h \
	host/top_render.c host/top_render.h \
	host/top_screen.c host/top_screen.h \
	host/top_table.c host/top_table.h \
	host/top_view.c host/top_view.h \
	host/top_zones.c \
	host/topology.c host/topology.h \
	host/trace.c host/trace.h \
	host/trace_domains.c host/trace_domains.h \
	host/trace_host.c host/trace_host.h \
	host/trace_idle.c host/trace_idle.h \
	host/trace_incarnation.c host/trace_incarnation.h \
	host/trace_places.c host/trace_places.h \
	host/trace_reader.c host/trace_reader.h \
	host/trace_scan.c host/trace_scan.h \
	host/trace_threads.c host/trace_threads.h \
	host/trace_tick.c host/trace_tick.h \
	host/trace_writer.c host/trace_writer.h \
	host/turbo.c host/turbo.h \
	host/usage.c host/usage.h \
	host/utf8.c host/utf8.h \
	host/vcpu_times.c host/vcpu_times.h \
	host/verifier.c host/verifier.h \
	host/virt.c host/virt.h \
	host/wake.c host/wake.h \
	host/weight.c host/weight.h \
	host/writer.c host/writer.h \
	host/zone_counter.c host/zone_counter.h \
	host/zone_rules.c host/zone_rules.h \
	host/zone_state.c host/zone_state.h
host_LIBS = host/libhost.a $(shared_LIBS) $(HOST_LIBS) -lpthread
EXTRA_DIST += host/MIGRATING.md host/TRACE.md
dist_man8_MANS += host/vmpower-hostd.8

bin_PROGRAMS += vmpower
vmpower_CFLAGS = $(host_libhost_a_CFLAGS)
vmpower_SOURCES = host/vmpower_main.c
vmpower_LDADD = $(host_LIBS) $(NCURSES_LIBS)
dist_man1_MANS += host/vmpower.1

sbin_PROGRAMS += vmpower-hostd
vmpower_hostd_SOURCES = host/hostd_main.c
vmpower_hostd_LDADD = $(host_LIBS)
