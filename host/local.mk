# SPDX-License-Identifier: LGPL-2.1-or-later
# vmpower-hostd and vmpower: sources, attribution, ledger, links, command line.
noinst_LIBRARIES += host/libhost.a
host_libhost_a_CFLAGS = $(AM_CFLAGS) $(CJSON_CFLAGS) $(INIH_CFLAGS) $(HOST_CFLAGS)
host_libhost_a_SOURCES = \
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
	host/cure.c host/cure.h \
	host/diagnose.c host/diagnose.h \
	host/diagnose_domain.c \
	host/diagnose_idle.c \
	host/doctor.c host/doctor.h \
	host/domain_cgroup.c host/domain_cgroup.h \
	host/domain_cpu.c host/domain_cpu.h \
	host/domain_xml.c host/domain_xml.h \
	host/energy.c host/energy.h \
	host/enroll.c host/enroll.h \
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
	host/guest_link.c host/guest_link.h \
	host/guest_zones.c host/guest_zones.h \
	host/hostd.c host/hostd.h \
	host/hostd_config.c host/hostd_config.h \
	host/http.c host/http.h \
	host/idle_policy.c host/idle_policy.h \
	host/idle_power.c host/idle_power.h \
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
	host/json_scan.c host/json_scan.h \
	host/json_string.c host/json_string.h \
	host/json_text.c host/json_text.h \
	host/kthread_scan.c host/kthread_scan.h \
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
	host/lines.c host/lines.h \
	host/link.c host/link.h \
	host/link_socket.c host/link_socket.h \
	host/links.c host/links.h \
	host/list.c host/list.h \
	host/load.c host/load.h \
	host/machine.h \
	host/memory.c host/memory.h \
	host/merge_print.c host/merge_print.h \
	host/merge_time.c host/merge_time.h \
	host/meter.c host/meter.h \
	host/model_bank.c host/model_bank.h \
	host/numa_text.c host/numa_text.h \
	host/poller.c host/poller.h \
	host/power_model.c host/power_model.h \
	host/powercap.c host/powercap.h \
	host/process.c host/process.h \
	host/process_memory.c host/process_memory.h \
	host/procstat.c host/procstat.h \
	host/progress.c host/progress.h \
	host/publisher.c host/publisher.h \
	host/recorder.c host/recorder.h \
	host/recording.c host/recording.h \
	host/replay.c host/replay.h \
	host/residency.c host/residency.h \
	host/roster.c host/roster.h \
	host/sample.c host/sample.h \
	host/sampler.c host/sampler.h \
	host/snapshot.c host/snapshot.h \
	host/snapshot_json.c host/snapshot_json.h \
	host/task.c host/task.h \
	host/text.c host/text.h \
	host/tick.c host/tick.h \
	host/tick_json.c host/tick_json.h \
	host/topology.c host/topology.h \
	host/trace.c host/trace.h \
	host/trace_host.c host/trace_host.h \
	host/trace_reader.c host/trace_reader.h \
	host/trace_tick.c host/trace_tick.h \
	host/trace_writer.c host/trace_writer.h \
	host/turbo.c host/turbo.h \
	host/usage.c host/usage.h \
	host/virt.c host/virt.h \
	host/wake.c host/wake.h \
	host/weight.c host/weight.h \
	host/writer.c host/writer.h \
	host/zone_counter.c host/zone_counter.h \
	host/zone_rules.c host/zone_rules.h \
	host/zone_state.c host/zone_state.h
host_LIBS = host/libhost.a $(shared_LIBS) $(HOST_LIBS) -lpthread
EXTRA_DIST += host/TRACE.md
dist_man8_MANS += host/vmpower-hostd.8

bin_PROGRAMS += vmpower
vmpower_CFLAGS = $(host_libhost_a_CFLAGS)
vmpower_SOURCES = host/vmpower_main.c
vmpower_LDADD = $(host_LIBS)
dist_man1_MANS += host/vmpower.1

sbin_PROGRAMS += vmpower-hostd
vmpower_hostd_SOURCES = host/hostd_main.c
vmpower_hostd_LDADD = $(host_LIBS)
