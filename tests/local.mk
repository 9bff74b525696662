# SPDX-License-Identifier: LGPL-2.1-or-later
# Unit tests: one program a noun, each linked with its folder's library.
unit_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
unit_intervals = tests/unit/interval_bed.h tests/unit/interval_model.h tests/unit/child.h \
	tests/unit/world.h
unit_fixtures = -DFIXTURES='"$(abs_top_srcdir)/tests/fixtures"'

# Benchmarks are built and run by make bench only.
BENCHES =
if GUEST
BENCHES += tests/bench/bench_tree
tests_bench_bench_tree_CFLAGS = $(AM_CFLAGS) $(FUSE_CFLAGS)
tests_bench_bench_tree_LDADD = $(fuse_powercap_LIBS)
endif
if HOST
# Simulated hosts. Seeds mean the same everywhere: nothing is contracted.
accuracy_LIBS = tests/bench/accuracy/libaccuracy.a $(host_LIBS) -lm
check_LIBRARIES += tests/bench/accuracy/libaccuracy.a
tests_bench_accuracy_libaccuracy_a_CFLAGS = $(AM_CFLAGS) -ffp-contract=off
tests_bench_accuracy_libaccuracy_a_SOURCES = \
	tests/bench/accuracy/contest.c tests/bench/accuracy/contest.h \
	tests/bench/accuracy/cputime.c tests/bench/accuracy/cputime.h \
	tests/bench/accuracy/draw.h \
	tests/bench/accuracy/formula.c tests/bench/accuracy/formula.h \
	tests/bench/accuracy/game.c tests/bench/accuracy/game.h \
	tests/bench/accuracy/load.c tests/bench/accuracy/load.h \
	tests/bench/accuracy/load_draw.c \
	tests/bench/accuracy/place.c tests/bench/accuracy/place.h \
	tests/bench/accuracy/report.c tests/bench/accuracy/report.h \
	tests/bench/accuracy/rig.c tests/bench/accuracy/rig.h \
	tests/bench/accuracy/run.c tests/bench/accuracy/run.h \
	tests/bench/accuracy/run_sample.c tests/bench/accuracy/run_sample.h \
	tests/bench/accuracy/scenario.c tests/bench/accuracy/scenario.h \
	tests/bench/accuracy/score.c tests/bench/accuracy/score.h \
	tests/bench/accuracy/shapley.c tests/bench/accuracy/shapley.h \
	tests/bench/accuracy/trace.c tests/bench/accuracy/trace.h \
	tests/unit/random.h
BENCHES += tests/bench/bench_accuracy
tests_bench_bench_accuracy_LDADD = $(accuracy_LIBS)
BENCHES += tests/bench/bench_cpu_source
tests_bench_bench_cpu_source_SOURCES = tests/bench/bench_cpu_source.c \
	tests/unit/fake_qemu.c tests/unit/fake_qemu.h
tests_bench_bench_cpu_source_CFLAGS = $(AM_CFLAGS)
tests_bench_bench_cpu_source_LDADD = $(host_LIBS)
BENCHES += tests/bench/bench_ledger
tests_bench_bench_ledger_SOURCES = tests/bench/bench_ledger.c tests/unit/world.h
tests_bench_bench_ledger_LDADD = $(host_LIBS)
BENCHES += tests/bench/bench_meter
tests_bench_bench_meter_SOURCES = tests/bench/bench_meter.c \
	tests/unit/random.h tests/unit/scene.h
tests_bench_bench_meter_LDADD = $(host_LIBS)
BENCHES += tests/bench/bench_metrics
tests_bench_bench_metrics_LDADD = $(host_LIBS)
BENCHES += tests/bench/bench_replay
tests_bench_bench_replay_SOURCES = tests/bench/bench_replay.c tests/unit/random.h
tests_bench_bench_replay_LDADD = $(host_LIBS)
endif
EXTRA_PROGRAMS = $(BENCHES)
CLEANFILES += $(EXTRA_PROGRAMS)

# Under a minute. The README has what it prints.
bench-accuracy: tests/bench/bench_accuracy
	./tests/bench/bench_accuracy --markdown

bench: $(BENCHES)
	@for b in $(BENCHES); do ./$$b || exit; done

if CMOCKA
# shared
unit_shared = \
	tests/unit/test_array \
	tests/unit/test_counter \
	tests/unit/test_frame \
	tests/unit/test_message \
	tests/unit/test_number \
	tests/unit/test_options \
	tests/unit/test_rooted \
	tests/unit/test_uuid
tests_unit_test_array_CFLAGS = $(unit_CFLAGS)
tests_unit_test_array_LDADD = $(shared_LIBS) $(CMOCKA_LIBS)
tests_unit_test_counter_CFLAGS = $(unit_CFLAGS)
tests_unit_test_counter_LDADD = $(shared_LIBS) $(CMOCKA_LIBS)
tests_unit_test_frame_CFLAGS = $(unit_CFLAGS)
tests_unit_test_frame_LDADD = $(shared_LIBS) $(CMOCKA_LIBS)
tests_unit_test_message_CFLAGS = $(unit_CFLAGS)
tests_unit_test_message_LDADD = $(shared_LIBS) $(CMOCKA_LIBS)
tests_unit_test_number_CFLAGS = $(unit_CFLAGS)
tests_unit_test_number_LDADD = $(shared_LIBS) $(CMOCKA_LIBS)
tests_unit_test_options_CFLAGS = $(unit_CFLAGS)
tests_unit_test_options_LDADD = $(shared_LIBS) $(CMOCKA_LIBS)
tests_unit_test_rooted_CFLAGS = $(unit_CFLAGS)
tests_unit_test_rooted_LDADD = $(shared_LIBS) $(CMOCKA_LIBS)
tests_unit_test_uuid_CFLAGS = $(unit_CFLAGS)
tests_unit_test_uuid_LDADD = $(shared_LIBS) $(CMOCKA_LIBS)
check_PROGRAMS += $(unit_shared)
TESTS += $(unit_shared)

if GUEST
# fuse-powercap
unit_fuse_powercap = \
	tests/unit/test_mount \
	tests/unit/test_msr \
	tests/unit/test_tree \
	tests/unit/test_virtual \
	tests/unit/test_zone
tests_unit_test_mount_SOURCES = tests/unit/test_mount.c \
	tests/unit/listing.c tests/unit/listing.h
tests_unit_test_mount_CFLAGS = $(unit_CFLAGS)
tests_unit_test_mount_LDADD = $(fuse_powercap_LIBS) $(CMOCKA_LIBS)
# Allocations are counted.
tests_unit_test_mount_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=malloc
tests_unit_test_msr_CFLAGS = $(unit_CFLAGS)
tests_unit_test_msr_LDADD = $(fuse_powercap_LIBS) $(CMOCKA_LIBS)
tests_unit_test_tree_SOURCES = tests/unit/test_tree.c \
	tests/unit/listing.c tests/unit/listing.h
tests_unit_test_tree_CFLAGS = $(unit_CFLAGS)
tests_unit_test_tree_LDADD = $(fuse_powercap_LIBS) $(CMOCKA_LIBS)
tests_unit_test_virtual_CFLAGS = $(unit_CFLAGS)
tests_unit_test_virtual_LDADD = $(fuse_powercap_LIBS) $(CMOCKA_LIBS)
tests_unit_test_zone_CFLAGS = $(unit_CFLAGS)
tests_unit_test_zone_LDADD = $(fuse_powercap_LIBS) $(CMOCKA_LIBS)
check_PROGRAMS += $(unit_fuse_powercap)
TESTS += $(unit_fuse_powercap)
EXTRA_DIST += \
	tests/fixtures/tree/auto-1.txt \
	tests/fixtures/tree/auto-2.txt \
	tests/fixtures/tree/both-1.txt \
	tests/fixtures/tree/both-2.txt

# guest
unit_guest = \
	tests/unit/test_agent \
	tests/unit/test_board \
	tests/unit/test_channel \
	tests/unit/test_cover \
	tests/unit/test_fd_message \
	tests/unit/test_mirror \
	tests/unit/test_mountinfo \
	tests/unit/test_msr_devices \
	tests/unit/test_msr_server \
	tests/unit/test_place \
	tests/unit/test_port \
	tests/unit/test_privileges \
	tests/unit/test_reads \
	tests/unit/test_rundir \
	tests/unit/test_state \
	tests/unit/test_view
tests_unit_test_agent_CFLAGS = $(unit_CFLAGS)
tests_unit_test_agent_LDADD = $(guest_LIBS) $(CMOCKA_LIBS)
tests_unit_test_board_SOURCES = tests/unit/test_board.c \
	tests/unit/child.h tests/unit/random.h
tests_unit_test_board_CFLAGS = $(unit_CFLAGS)
tests_unit_test_board_LDADD = $(guest_LIBS) $(CMOCKA_LIBS)
tests_unit_test_channel_CFLAGS = $(unit_CFLAGS)
tests_unit_test_channel_LDADD = $(guest_LIBS) $(CMOCKA_LIBS)
# Randomness fails when told to.
tests_unit_test_channel_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=uuid_generate
tests_unit_test_cover_CFLAGS = $(unit_CFLAGS)
tests_unit_test_cover_LDADD = $(guest_LIBS) $(CMOCKA_LIBS)
tests_unit_test_cover_SOURCES = tests/unit/test_cover.c \
	tests/unit/child.h tests/unit/namespace.h
tests_unit_test_fd_message_CFLAGS = $(unit_CFLAGS)
tests_unit_test_fd_message_LDADD = $(guest_LIBS) $(CMOCKA_LIBS)
tests_unit_test_mirror_CFLAGS = $(unit_CFLAGS)
tests_unit_test_mirror_LDADD = $(guest_LIBS) $(CMOCKA_LIBS)
tests_unit_test_mountinfo_CFLAGS = $(unit_CFLAGS)
tests_unit_test_mountinfo_LDADD = $(guest_LIBS) $(CMOCKA_LIBS)
tests_unit_test_msr_devices_CFLAGS = $(unit_CFLAGS)
tests_unit_test_msr_devices_LDADD = $(guest_LIBS) $(CMOCKA_LIBS)
tests_unit_test_msr_devices_SOURCES = tests/unit/test_msr_devices.c \
	tests/unit/child.h tests/unit/namespace.h
tests_unit_test_msr_server_CFLAGS = $(unit_CFLAGS)
tests_unit_test_msr_server_LDADD = $(guest_LIBS) $(CMOCKA_LIBS)
tests_unit_test_msr_server_SOURCES = tests/unit/test_msr_server.c tests/unit/child.h
tests_unit_test_place_CFLAGS = $(unit_CFLAGS)
tests_unit_test_place_LDADD = $(guest_LIBS) $(CMOCKA_LIBS)
tests_unit_test_place_SOURCES = tests/unit/test_place.c \
	tests/unit/child.h tests/unit/namespace.h
tests_unit_test_port_CFLAGS = $(unit_CFLAGS)
tests_unit_test_port_LDADD = $(guest_LIBS) $(CMOCKA_LIBS)
tests_unit_test_privileges_SOURCES = tests/unit/test_privileges.c tests/unit/child.h
tests_unit_test_privileges_CFLAGS = $(unit_CFLAGS)
tests_unit_test_privileges_LDADD = $(guest_LIBS) $(CMOCKA_LIBS)
tests_unit_test_reads_SOURCES = tests/unit/test_reads.c tests/unit/random.h
tests_unit_test_reads_CFLAGS = $(unit_CFLAGS)
tests_unit_test_reads_LDADD = $(guest_LIBS) $(CMOCKA_LIBS)
tests_unit_test_rundir_CFLAGS = $(unit_CFLAGS)
tests_unit_test_rundir_LDADD = $(guest_LIBS) $(CMOCKA_LIBS)
tests_unit_test_rundir_SOURCES = tests/unit/test_rundir.c tests/unit/child.h
tests_unit_test_state_CFLAGS = $(unit_CFLAGS)
tests_unit_test_state_LDADD = $(guest_LIBS) $(CMOCKA_LIBS)
tests_unit_test_view_CFLAGS = $(unit_CFLAGS)
tests_unit_test_view_LDADD = $(guest_LIBS) $(CMOCKA_LIBS)
tests_unit_test_view_SOURCES = tests/unit/test_view.c tests/unit/child.h \
	tests/unit/listing.c tests/unit/listing.h tests/unit/namespace.h
check_PROGRAMS += $(unit_guest)
TESTS += $(unit_guest)
endif

if HOST
# host
unit_host = \
	tests/unit/test_accept \
	tests/unit/test_accuracy \
	tests/unit/test_apportion \
	tests/unit/test_calibration \
	tests/unit/test_cgroup \
	tests/unit/test_coefficients \
	tests/unit/test_cpu_load \
	tests/unit/test_cpufreq \
	tests/unit/test_cpulist \
	tests/unit/test_credentials \
	tests/unit/test_diagnose \
	tests/unit/test_domain_cpu \
	tests/unit/test_domain_xml \
	tests/unit/test_durable \
	tests/unit/test_estimate \
	tests/unit/test_facts \
	tests/unit/test_finding \
	tests/unit/test_guest_zones \
	tests/unit/test_health \
	tests/unit/test_hostd_config \
	tests/unit/test_http \
	tests/unit/test_http_request \
	tests/unit/test_http_tick \
	tests/unit/test_idle_policy \
	tests/unit/test_idle_power \
	tests/unit/test_interval_record \
	tests/unit/test_invariants \
	tests/unit/test_inventory \
	tests/unit/test_json_scan \
	tests/unit/test_json_text \
	tests/unit/test_labels \
	tests/unit/test_ledger \
	tests/unit/test_ledger_export \
	tests/unit/test_ledger_fold \
	tests/unit/test_ledger_image \
	tests/unit/test_ledger_intervals \
	tests/unit/test_ledger_merge \
	tests/unit/test_ledger_writing \
	tests/unit/test_lines \
	tests/unit/test_link \
	tests/unit/test_links \
	tests/unit/test_list \
	tests/unit/test_load \
	tests/unit/test_measure \
	tests/unit/test_measure_file \
	tests/unit/test_measure_record \
	tests/unit/test_measure_window \
	tests/unit/test_memory \
	tests/unit/test_meter \
	tests/unit/test_metrics \
	tests/unit/test_metrics_points \
	tests/unit/test_model_bank \
	tests/unit/test_numa_text \
	tests/unit/test_output_log \
	tests/unit/test_percent \
	tests/unit/test_player_load \
	tests/unit/test_power_model \
	tests/unit/test_powercap \
	tests/unit/test_process \
	tests/unit/test_process_memory \
	tests/unit/test_procstat \
	tests/unit/test_progress \
	tests/unit/test_protobuf \
	tests/unit/test_push \
	tests/unit/test_push_backoff \
	tests/unit/test_push_config \
	tests/unit/test_push_influx \
	tests/unit/test_push_remote_write \
	tests/unit/test_push_riemann \
	tests/unit/test_push_riemann_tcp \
	tests/unit/test_push_target \
	tests/unit/test_push_warp10 \
	tests/unit/test_recorder \
	tests/unit/test_replay \
	tests/unit/test_residency \
	tests/unit/test_riemann_answer \
	tests/unit/test_roster \
	tests/unit/test_sample \
	tests/unit/test_sampler \
	tests/unit/test_selection \
	tests/unit/test_server_process \
	tests/unit/test_shapley \
	tests/unit/test_simulated_host \
	tests/unit/test_since_boot \
	tests/unit/test_snapshot \
	tests/unit/test_snapshot_csv \
	tests/unit/test_snapshot_json \
	tests/unit/test_snapshot_line \
	tests/unit/test_statistics \
	tests/unit/test_stream \
	tests/unit/test_task \
	tests/unit/test_text \
	tests/unit/test_thread \
	tests/unit/test_top_columns \
	tests/unit/test_top_model \
	tests/unit/test_top_render \
	tests/unit/test_topology \
	tests/unit/test_trace_reader \
	tests/unit/test_trace_writer \
	tests/unit/test_turbo \
	tests/unit/test_usage \
	tests/unit/test_vcpu_times \
	tests/unit/test_wake \
	tests/unit/test_weight \
	tests/unit/test_writer \
	tests/unit/test_zone_counter \
	tests/unit/test_zone_rules \
	tests/unit/test_zone_state
tests_unit_test_accept_CFLAGS = $(unit_CFLAGS) $(CJSON_CFLAGS) $(HOST_CFLAGS)
tests_unit_test_accept_LDADD = $(host_LIBS) $(CMOCKA_LIBS)
tests_unit_test_accuracy_CFLAGS = $(unit_CFLAGS)
tests_unit_test_accuracy_LDADD = $(accuracy_LIBS) $(CMOCKA_LIBS)
tests_unit_test_apportion_CFLAGS = $(unit_CFLAGS)
tests_unit_test_apportion_LDADD = $(host_LIBS) $(CMOCKA_LIBS)
tests_unit_test_apportion_SOURCES = tests/unit/test_apportion.c tests/unit/random.h
tests_unit_test_calibration_SOURCES = tests/unit/test_calibration.c \
	tests/unit/fake_snapshot.c tests/unit/fake_snapshot.h \
	tests/unit/scratch.c tests/unit/scratch.h
tests_unit_test_calibration_CFLAGS = $(unit_CFLAGS) $(CJSON_CFLAGS) $(HOST_CFLAGS)
tests_unit_test_calibration_LDADD = $(host_LIBS) $(CMOCKA_LIBS)
tests_unit_test_cgroup_SOURCES = tests/unit/test_cgroup.c \
	tests/unit/scratch.c tests/unit/scratch.h
tests_unit_test_cgroup_CFLAGS = $(unit_CFLAGS) $(unit_fixtures)
tests_unit_test_cgroup_LDADD = $(host_LIBS) $(CMOCKA_LIBS)
tests_unit_test_coefficients_SOURCES = tests/unit/test_coefficients.c \
	tests/unit/random.h tests/unit/scene.h
tests_unit_test_coefficients_CFLAGS = $(unit_CFLAGS)
tests_unit_test_coefficients_LDADD = $(host_LIBS) $(CMOCKA_LIBS)
tests_unit_test_cpu_load_SOURCES = tests/unit/test_cpu_load.c tests/unit/scene.h
tests_unit_test_cpu_load_CFLAGS = $(unit_CFLAGS)
tests_unit_test_cpu_load_LDADD = $(host_LIBS) $(CMOCKA_LIBS)
tests_unit_test_cpufreq_SOURCES = tests/unit/test_cpufreq.c \
	tests/unit/scratch.c tests/unit/scratch.h
tests_unit_test_cpufreq_CFLAGS = $(unit_CFLAGS) $(unit_fixtures)
tests_unit_test_cpufreq_LDADD = $(host_LIBS) $(CMOCKA_LIBS)
tests_unit_test_cpulist_CFLAGS = $(unit_CFLAGS)
tests_unit_test_cpulist_LDADD = $(host_LIBS) $(CMOCKA_LIBS)
tests_unit_test_credentials_SOURCES = tests/unit/test_credentials.c \
	tests/unit/resting_checks.h
tests_unit_test_credentials_CFLAGS = $(unit_CFLAGS) $(CJSON_CFLAGS) $(HOST_CFLAGS)
tests_unit_test_credentials_LDADD = $(host_LIBS) $(CMOCKA_LIBS)
tests_unit_test_credentials_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=credentials_check
tests_unit_test_diagnose_SOURCES = tests/unit/test_diagnose.c \
	tests/unit/fake_snapshot.c tests/unit/fake_snapshot.h
tests_unit_test_diagnose_CFLAGS = $(unit_CFLAGS) $(CJSON_CFLAGS) $(HOST_CFLAGS)
tests_unit_test_diagnose_LDADD = $(host_LIBS) $(CMOCKA_LIBS)
tests_unit_test_domain_cpu_SOURCES = tests/unit/test_domain_cpu.c \
	tests/unit/fake_qemu.c tests/unit/fake_qemu.h \
	tests/unit/scratch.c tests/unit/scratch.h
tests_unit_test_domain_cpu_CFLAGS = $(unit_CFLAGS) $(unit_fixtures)
tests_unit_test_domain_cpu_LDADD = $(host_LIBS) $(CMOCKA_LIBS)
tests_unit_test_domain_xml_CFLAGS = $(unit_CFLAGS) $(HOST_CFLAGS)
tests_unit_test_domain_xml_LDADD = $(host_LIBS) $(CMOCKA_LIBS)
tests_unit_test_durable_SOURCES = tests/unit/test_durable.c \
	tests/unit/scratch.c tests/unit/scratch.h
tests_unit_test_durable_CFLAGS = $(unit_CFLAGS)
tests_unit_test_durable_LDADD = $(host_LIBS) $(CMOCKA_LIBS)
tests_unit_test_estimate_CFLAGS = $(unit_CFLAGS)
tests_unit_test_estimate_LDADD = $(host_LIBS) $(CMOCKA_LIBS)
tests_unit_test_facts_CFLAGS = $(unit_CFLAGS) $(CJSON_CFLAGS) $(HOST_CFLAGS)
tests_unit_test_facts_LDADD = $(host_LIBS) $(CMOCKA_LIBS)
tests_unit_test_finding_CFLAGS = $(unit_CFLAGS) $(CJSON_CFLAGS) $(HOST_CFLAGS)
tests_unit_test_finding_LDADD = $(host_LIBS) $(CMOCKA_LIBS)
tests_unit_test_guest_zones_CFLAGS = $(unit_CFLAGS)
tests_unit_test_guest_zones_LDADD = $(host_LIBS) $(CMOCKA_LIBS)
tests_unit_test_guest_zones_SOURCES = tests/unit/test_guest_zones.c \
	tests/unit/random.h tests/unit/scene.h
tests_unit_test_health_SOURCES = tests/unit/test_health.c \
	tests/unit/fake_snapshot.c tests/unit/fake_snapshot.h
tests_unit_test_health_CFLAGS = $(unit_CFLAGS) $(CJSON_CFLAGS) $(HOST_CFLAGS)
tests_unit_test_health_LDADD = $(host_LIBS) $(CMOCKA_LIBS)
tests_unit_test_hostd_config_CFLAGS = $(unit_CFLAGS)
tests_unit_test_hostd_config_LDADD = $(host_LIBS) $(CMOCKA_LIBS)
tests_unit_test_http_SOURCES = tests/unit/test_http.c \
	tests/unit/fake_snapshot.c tests/unit/fake_snapshot.h tests/unit/resting_checks.h
tests_unit_test_http_CFLAGS = $(unit_CFLAGS) $(CJSON_CFLAGS) $(HOST_CFLAGS)
tests_unit_test_http_LDADD = $(host_LIBS) $(CMOCKA_LIBS)
tests_unit_test_http_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=credentials_check
tests_unit_test_http_request_CFLAGS = $(unit_CFLAGS) $(CJSON_CFLAGS) $(HOST_CFLAGS)
tests_unit_test_http_request_LDADD = $(host_LIBS) $(CMOCKA_LIBS)
tests_unit_test_http_tick_SOURCES = tests/unit/test_http_tick.c \
	tests/unit/fake_snapshot.c tests/unit/fake_snapshot.h
tests_unit_test_http_tick_CFLAGS = $(unit_CFLAGS) $(CJSON_CFLAGS) $(HOST_CFLAGS)
tests_unit_test_http_tick_LDADD = $(host_LIBS) $(CMOCKA_LIBS)
tests_unit_test_idle_policy_CFLAGS = $(unit_CFLAGS)
tests_unit_test_idle_policy_LDADD = $(host_LIBS) $(CMOCKA_LIBS)
tests_unit_test_idle_power_CFLAGS = $(unit_CFLAGS)
tests_unit_test_idle_power_LDADD = $(host_LIBS) $(CMOCKA_LIBS)
tests_unit_test_idle_power_SOURCES = tests/unit/test_idle_power.c tests/unit/random.h
tests_unit_test_interval_record_CFLAGS = $(unit_CFLAGS)
tests_unit_test_interval_record_LDADD = $(host_LIBS) $(CMOCKA_LIBS)
tests_unit_test_invariants_CFLAGS = $(unit_CFLAGS)
tests_unit_test_invariants_LDADD = $(host_LIBS) $(CMOCKA_LIBS)
tests_unit_test_invariants_SOURCES = tests/unit/test_invariants.c \
	tests/unit/random.h tests/unit/random_host.c tests/unit/random_host.h \
	tests/unit/scene.h
tests_unit_test_inventory_CFLAGS = $(unit_CFLAGS)
tests_unit_test_inventory_LDADD = $(host_LIBS) $(CMOCKA_LIBS)
tests_unit_test_json_scan_CFLAGS = $(unit_CFLAGS)
tests_unit_test_json_scan_LDADD = $(host_LIBS) $(CMOCKA_LIBS)
tests_unit_test_json_text_CFLAGS = $(unit_CFLAGS)
tests_unit_test_json_text_LDADD = $(host_LIBS) $(CMOCKA_LIBS)
# Memory runs out when told to.
tests_unit_test_json_text_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=realloc
tests_unit_test_labels_CFLAGS = $(unit_CFLAGS)
tests_unit_test_labels_LDADD = $(host_LIBS) $(CMOCKA_LIBS)
tests_unit_test_ledger_CFLAGS = $(unit_CFLAGS)
tests_unit_test_ledger_LDADD = $(host_LIBS) $(CMOCKA_LIBS)
tests_unit_test_ledger_SOURCES = tests/unit/test_ledger.c \
	tests/unit/child.h tests/unit/world.h
tests_unit_test_ledger_export_CFLAGS = $(unit_CFLAGS)
tests_unit_test_ledger_export_LDADD = $(host_LIBS) $(CMOCKA_LIBS)
tests_unit_test_ledger_fold_CFLAGS = $(unit_CFLAGS)
tests_unit_test_ledger_fold_LDADD = $(host_LIBS) $(CMOCKA_LIBS)
tests_unit_test_ledger_fold_SOURCES = tests/unit/test_ledger_fold.c $(unit_intervals)
tests_unit_test_ledger_image_CFLAGS = $(unit_CFLAGS)
tests_unit_test_ledger_image_LDADD = $(host_LIBS) $(CMOCKA_LIBS)
tests_unit_test_ledger_intervals_CFLAGS = $(unit_CFLAGS) $(unit_fixtures)
tests_unit_test_ledger_intervals_LDADD = $(host_LIBS) $(CMOCKA_LIBS)
tests_unit_test_ledger_intervals_SOURCES = tests/unit/test_ledger_intervals.c \
	$(unit_intervals)
tests_unit_test_ledger_merge_CFLAGS = $(unit_CFLAGS)
tests_unit_test_ledger_merge_LDADD = $(host_LIBS) $(CMOCKA_LIBS)
tests_unit_test_ledger_writing_CFLAGS = $(unit_CFLAGS)
tests_unit_test_ledger_writing_LDADD = $(host_LIBS) $(CMOCKA_LIBS)
tests_unit_test_ledger_writing_SOURCES = tests/unit/test_ledger_writing.c \
	$(unit_intervals)
tests_unit_test_lines_CFLAGS = $(unit_CFLAGS)
tests_unit_test_lines_LDADD = $(host_LIBS) $(CMOCKA_LIBS)
tests_unit_test_link_CFLAGS = $(unit_CFLAGS)
tests_unit_test_link_LDADD = $(host_LIBS) $(CMOCKA_LIBS)
tests_unit_test_links_CFLAGS = $(unit_CFLAGS) $(HOST_CFLAGS)
tests_unit_test_links_LDADD = $(host_LIBS) $(CMOCKA_LIBS)
tests_unit_test_list_SOURCES = tests/unit/test_list.c \
	tests/unit/fake_snapshot.c tests/unit/fake_snapshot.h
tests_unit_test_list_CFLAGS = $(unit_CFLAGS) $(CJSON_CFLAGS) $(HOST_CFLAGS)
tests_unit_test_list_LDADD = $(host_LIBS) $(CMOCKA_LIBS)
tests_unit_test_load_SOURCES = tests/unit/test_load.c \
	tests/unit/fake_snapshot.c tests/unit/fake_snapshot.h \
	tests/unit/scratch.c tests/unit/scratch.h
tests_unit_test_load_CFLAGS = $(unit_CFLAGS) $(CJSON_CFLAGS) $(HOST_CFLAGS)
tests_unit_test_load_LDADD = $(host_LIBS) $(CMOCKA_LIBS)
tests_unit_test_measure_SOURCES = tests/unit/test_measure.c \
	tests/unit/child.h tests/unit/fake_snapshot.c tests/unit/fake_snapshot.h \
	tests/unit/scratch.c tests/unit/scratch.h
tests_unit_test_measure_CFLAGS = $(unit_CFLAGS) $(CJSON_CFLAGS) $(HOST_CFLAGS)
tests_unit_test_measure_LDADD = $(host_LIBS) $(CMOCKA_LIBS)
tests_unit_test_measure_file_SOURCES = tests/unit/test_measure_file.c \
	tests/unit/scratch.c tests/unit/scratch.h
tests_unit_test_measure_file_CFLAGS = $(unit_CFLAGS)
tests_unit_test_measure_file_LDADD = $(host_LIBS) $(CMOCKA_LIBS)
tests_unit_test_measure_record_SOURCES = tests/unit/test_measure_record.c \
	tests/unit/fake_snapshot.c tests/unit/fake_snapshot.h
tests_unit_test_measure_record_CFLAGS = $(unit_CFLAGS) $(CJSON_CFLAGS) $(HOST_CFLAGS)
tests_unit_test_measure_record_LDADD = $(host_LIBS) $(CMOCKA_LIBS)
tests_unit_test_measure_window_SOURCES = tests/unit/test_measure_window.c \
	tests/unit/fake_snapshot.c tests/unit/fake_snapshot.h tests/unit/random.h
tests_unit_test_measure_window_CFLAGS = $(unit_CFLAGS) $(CJSON_CFLAGS) $(HOST_CFLAGS)
tests_unit_test_measure_window_LDADD = $(host_LIBS) $(CMOCKA_LIBS)
tests_unit_test_memory_SOURCES = tests/unit/test_memory.c tests/unit/scene.h
tests_unit_test_memory_CFLAGS = $(unit_CFLAGS)
tests_unit_test_memory_LDADD = $(host_LIBS) $(CMOCKA_LIBS)
tests_unit_test_meter_CFLAGS = $(unit_CFLAGS)
tests_unit_test_meter_LDADD = $(host_LIBS) $(CMOCKA_LIBS)
tests_unit_test_meter_SOURCES = tests/unit/test_meter.c tests/unit/scene.h
# Allocations are counted, and fail when told to.
tests_unit_test_meter_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=reallocarray
tests_unit_test_metrics_SOURCES = tests/unit/test_metrics.c \
	tests/unit/fake_snapshot.c tests/unit/fake_snapshot.h tests/unit/random.h
tests_unit_test_metrics_CFLAGS = $(unit_CFLAGS) $(CJSON_CFLAGS) $(HOST_CFLAGS)
tests_unit_test_metrics_LDADD = $(host_LIBS) $(CMOCKA_LIBS) -lm
tests_unit_test_metrics_points_SOURCES = tests/unit/test_metrics_points.c \
	tests/unit/random.h
tests_unit_test_metrics_points_CFLAGS = $(unit_CFLAGS) $(CJSON_CFLAGS) $(HOST_CFLAGS)
tests_unit_test_metrics_points_LDADD = $(host_LIBS) $(CMOCKA_LIBS) -lm
tests_unit_test_model_bank_CFLAGS = $(unit_CFLAGS)
tests_unit_test_model_bank_LDADD = $(host_LIBS) $(CMOCKA_LIBS)
tests_unit_test_model_bank_SOURCES = tests/unit/test_model_bank.c tests/unit/random.h
tests_unit_test_numa_text_CFLAGS = $(unit_CFLAGS)
tests_unit_test_numa_text_LDADD = $(host_LIBS) $(CMOCKA_LIBS)
tests_unit_test_output_log_CFLAGS = $(unit_CFLAGS)
tests_unit_test_output_log_LDADD = $(host_LIBS) $(CMOCKA_LIBS)
tests_unit_test_output_log_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=log_line
tests_unit_test_percent_CFLAGS = $(unit_CFLAGS)
tests_unit_test_percent_LDADD = $(host_LIBS) $(CMOCKA_LIBS)
tests_unit_test_player_load_CFLAGS = $(unit_CFLAGS)
tests_unit_test_player_load_LDADD = $(host_LIBS) $(CMOCKA_LIBS) -lm
tests_unit_test_power_model_CFLAGS = $(unit_CFLAGS)
tests_unit_test_power_model_LDADD = $(host_LIBS) $(CMOCKA_LIBS)
tests_unit_test_power_model_SOURCES = tests/unit/test_power_model.c tests/unit/random.h
tests_unit_test_powercap_SOURCES = tests/unit/test_powercap.c \
	tests/unit/scratch.c tests/unit/scratch.h
tests_unit_test_powercap_CFLAGS = $(unit_CFLAGS) $(unit_fixtures)
tests_unit_test_powercap_LDADD = $(host_LIBS) $(CMOCKA_LIBS)
tests_unit_test_process_SOURCES = tests/unit/test_process.c \
	tests/unit/fake_qemu.c tests/unit/fake_qemu.h \
	tests/unit/scratch.c tests/unit/scratch.h
tests_unit_test_process_CFLAGS = $(unit_CFLAGS)
tests_unit_test_process_LDADD = $(host_LIBS) $(CMOCKA_LIBS)
tests_unit_test_process_memory_SOURCES = tests/unit/test_process_memory.c \
	tests/unit/scratch.c tests/unit/scratch.h
tests_unit_test_process_memory_CFLAGS = $(unit_CFLAGS) $(unit_fixtures)
tests_unit_test_process_memory_LDADD = $(host_LIBS) $(CMOCKA_LIBS)
tests_unit_test_procstat_SOURCES = tests/unit/test_procstat.c \
	tests/unit/scratch.c tests/unit/scratch.h
tests_unit_test_procstat_CFLAGS = $(unit_CFLAGS)
tests_unit_test_procstat_LDADD = $(host_LIBS) $(CMOCKA_LIBS)
tests_unit_test_progress_CFLAGS = $(unit_CFLAGS)
tests_unit_test_progress_LDADD = $(host_LIBS) $(CMOCKA_LIBS)
tests_unit_test_protobuf_CFLAGS = $(unit_CFLAGS)
tests_unit_test_protobuf_LDADD = $(host_LIBS) $(CMOCKA_LIBS)
# Memory ends when told to.
tests_unit_test_protobuf_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=realloc
tests_unit_test_push_CFLAGS = $(unit_CFLAGS) $(CJSON_CFLAGS) $(HOST_CFLAGS)
tests_unit_test_push_LDADD = $(host_LIBS) $(CMOCKA_LIBS)
tests_unit_test_push_backoff_CFLAGS = $(unit_CFLAGS)
tests_unit_test_push_backoff_LDADD = $(host_LIBS) $(CMOCKA_LIBS)
tests_unit_test_push_config_CFLAGS = $(unit_CFLAGS) $(CJSON_CFLAGS) $(HOST_CFLAGS)
tests_unit_test_push_config_LDADD = $(host_LIBS) $(CMOCKA_LIBS)
tests_unit_test_push_influx_SOURCES = tests/unit/test_push_influx.c \
	tests/unit/push_lines.h tests/unit/fake_snapshot.c tests/unit/fake_snapshot.h
tests_unit_test_push_influx_CFLAGS = $(unit_CFLAGS) $(CJSON_CFLAGS) $(HOST_CFLAGS)
tests_unit_test_push_influx_LDADD = $(host_LIBS) $(CMOCKA_LIBS)
tests_unit_test_push_remote_write_SOURCES = tests/unit/test_push_remote_write.c \
	tests/unit/fake_snapshot.c tests/unit/fake_snapshot.h
tests_unit_test_push_remote_write_CFLAGS = $(unit_CFLAGS) $(CJSON_CFLAGS) $(HOST_CFLAGS)
tests_unit_test_push_remote_write_LDADD = $(host_LIBS) $(CMOCKA_LIBS)
tests_unit_test_push_riemann_SOURCES = tests/unit/test_push_riemann.c \
	tests/unit/fake_snapshot.c tests/unit/fake_snapshot.h
tests_unit_test_push_riemann_CFLAGS = $(unit_CFLAGS) $(CJSON_CFLAGS) $(HOST_CFLAGS)
tests_unit_test_push_riemann_LDADD = $(host_LIBS) $(CMOCKA_LIBS)
tests_unit_test_push_riemann_tcp_CFLAGS = $(unit_CFLAGS) $(HOST_CFLAGS)
tests_unit_test_push_riemann_tcp_LDADD = $(host_LIBS) $(CMOCKA_LIBS)
tests_unit_test_push_target_CFLAGS = $(unit_CFLAGS) $(CJSON_CFLAGS) $(HOST_CFLAGS)
tests_unit_test_push_target_LDADD = $(host_LIBS) $(CMOCKA_LIBS)
tests_unit_test_push_warp10_SOURCES = tests/unit/test_push_warp10.c \
	tests/unit/push_lines.h tests/unit/fake_snapshot.c tests/unit/fake_snapshot.h
tests_unit_test_push_warp10_CFLAGS = $(unit_CFLAGS) $(CJSON_CFLAGS) $(HOST_CFLAGS)
tests_unit_test_push_warp10_LDADD = $(host_LIBS) $(CMOCKA_LIBS)
tests_unit_test_recorder_CFLAGS = $(unit_CFLAGS)
tests_unit_test_recorder_LDADD = $(host_LIBS) $(CMOCKA_LIBS)
tests_unit_test_recorder_SOURCES = tests/unit/test_recorder.c tests/unit/scene.h \
	tests/unit/slow_disk.h
# The disk is as slow and as full as it is told to be.
tests_unit_test_recorder_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=write
tests_unit_test_replay_SOURCES = tests/unit/test_replay.c tests/unit/random.h
tests_unit_test_replay_CFLAGS = $(unit_CFLAGS)
tests_unit_test_replay_LDADD = $(host_LIBS) $(CMOCKA_LIBS)
tests_unit_test_residency_SOURCES = tests/unit/test_residency.c \
	tests/unit/scene.h tests/unit/scratch.c tests/unit/scratch.h
tests_unit_test_residency_CFLAGS = $(unit_CFLAGS) $(unit_fixtures)
tests_unit_test_residency_LDADD = $(host_LIBS) $(CMOCKA_LIBS)
tests_unit_test_riemann_answer_SOURCES = tests/unit/test_riemann_answer.c \
	tests/unit/random.h
tests_unit_test_riemann_answer_CFLAGS = $(unit_CFLAGS)
tests_unit_test_riemann_answer_LDADD = $(host_LIBS) $(CMOCKA_LIBS)
tests_unit_test_roster_SOURCES = tests/unit/test_roster.c tests/unit/scene.h
tests_unit_test_roster_CFLAGS = $(unit_CFLAGS)
tests_unit_test_roster_LDADD = $(host_LIBS) $(CMOCKA_LIBS)
tests_unit_test_sample_CFLAGS = $(unit_CFLAGS)
tests_unit_test_sample_LDADD = $(host_LIBS) $(CMOCKA_LIBS)
tests_unit_test_sample_SOURCES = tests/unit/test_sample.c tests/unit/scene.h
tests_unit_test_sampler_SOURCES = tests/unit/test_sampler.c \
	tests/unit/fake_qemu.c tests/unit/fake_qemu.h \
	tests/unit/scratch.c tests/unit/scratch.h
tests_unit_test_sampler_CFLAGS = $(unit_CFLAGS) $(unit_fixtures)
tests_unit_test_sampler_LDADD = $(host_LIBS) $(CMOCKA_LIBS)
# What is logged goes to the test, and the ledger refuses when told to.
tests_unit_test_sampler_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=log_line \
	-Wl,--wrap=ledger_apply
tests_unit_test_server_process_SOURCES = tests/unit/test_server_process.c \
	tests/unit/child.h tests/unit/scratch.c tests/unit/scratch.h
tests_unit_test_selection_CFLAGS = $(unit_CFLAGS)
tests_unit_test_selection_LDADD = $(host_LIBS) $(CMOCKA_LIBS)
tests_unit_test_server_process_CFLAGS = $(unit_CFLAGS)
tests_unit_test_server_process_LDADD = $(host_LIBS) $(CMOCKA_LIBS)
tests_unit_test_shapley_CFLAGS = $(unit_CFLAGS)
tests_unit_test_shapley_LDADD = $(accuracy_LIBS) $(CMOCKA_LIBS)
tests_unit_test_simulated_host_CFLAGS = $(unit_CFLAGS)
tests_unit_test_simulated_host_LDADD = $(accuracy_LIBS) $(CMOCKA_LIBS)
tests_unit_test_since_boot_SOURCES = tests/unit/test_since_boot.c tests/unit/random.h
tests_unit_test_since_boot_CFLAGS = $(unit_CFLAGS) $(CJSON_CFLAGS) $(HOST_CFLAGS)
tests_unit_test_since_boot_LDADD = $(host_LIBS) $(CMOCKA_LIBS)
tests_unit_test_snapshot_SOURCES = tests/unit/test_snapshot.c \
	tests/unit/fake_snapshot.c tests/unit/fake_snapshot.h
tests_unit_test_snapshot_CFLAGS = $(unit_CFLAGS) $(CJSON_CFLAGS) $(HOST_CFLAGS)
tests_unit_test_snapshot_LDADD = $(host_LIBS) $(CMOCKA_LIBS)
tests_unit_test_snapshot_csv_SOURCES = tests/unit/test_snapshot_csv.c \
	tests/unit/fake_snapshot.c tests/unit/fake_snapshot.h
tests_unit_test_snapshot_csv_CFLAGS = $(unit_CFLAGS) $(CJSON_CFLAGS) $(HOST_CFLAGS)
tests_unit_test_snapshot_csv_LDADD = $(host_LIBS) $(CMOCKA_LIBS)
tests_unit_test_snapshot_json_SOURCES = tests/unit/test_snapshot_json.c \
	tests/unit/fake_snapshot.c tests/unit/fake_snapshot.h
tests_unit_test_snapshot_json_CFLAGS = $(unit_CFLAGS) $(CJSON_CFLAGS) $(HOST_CFLAGS)
tests_unit_test_snapshot_json_LDADD = $(host_LIBS) $(CMOCKA_LIBS)
tests_unit_test_snapshot_line_SOURCES = tests/unit/test_snapshot_line.c \
	tests/unit/fake_snapshot.c tests/unit/fake_snapshot.h
tests_unit_test_snapshot_line_CFLAGS = $(unit_CFLAGS) $(CJSON_CFLAGS) $(HOST_CFLAGS)
tests_unit_test_snapshot_line_LDADD = $(host_LIBS) $(CMOCKA_LIBS)
tests_unit_test_statistics_SOURCES = tests/unit/test_statistics.c tests/unit/random.h
tests_unit_test_statistics_CFLAGS = $(unit_CFLAGS)
tests_unit_test_statistics_LDADD = $(host_LIBS) $(CMOCKA_LIBS) -lm
tests_unit_test_stream_SOURCES = tests/unit/test_stream.c \
	tests/unit/scratch.c tests/unit/scratch.h tests/unit/slow_disk.h
tests_unit_test_stream_CFLAGS = $(unit_CFLAGS)
tests_unit_test_stream_LDADD = $(host_LIBS) $(CMOCKA_LIBS)
# The disk is as slow and as full as it is told to be.
tests_unit_test_stream_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=write
tests_unit_test_task_CFLAGS = $(unit_CFLAGS)
tests_unit_test_task_LDADD = $(host_LIBS) $(CMOCKA_LIBS)
tests_unit_test_text_CFLAGS = $(unit_CFLAGS) $(CJSON_CFLAGS) $(HOST_CFLAGS)
tests_unit_test_text_LDADD = $(host_LIBS) $(CMOCKA_LIBS)
tests_unit_test_thread_CFLAGS = $(unit_CFLAGS)
tests_unit_test_thread_LDADD = $(host_LIBS) $(CMOCKA_LIBS)
tests_unit_test_top_columns_CFLAGS = $(unit_CFLAGS)
tests_unit_test_top_columns_LDADD = $(host_LIBS) $(CMOCKA_LIBS)
tests_unit_test_top_model_SOURCES = tests/unit/test_top_model.c \
	tests/unit/fake_snapshot.c tests/unit/fake_snapshot.h tests/unit/random.h
tests_unit_test_top_model_CFLAGS = $(unit_CFLAGS)
tests_unit_test_top_model_LDADD = $(host_LIBS) $(CMOCKA_LIBS)
tests_unit_test_top_render_SOURCES = tests/unit/test_top_render.c \
	tests/unit/fake_snapshot.c tests/unit/fake_snapshot.h
tests_unit_test_top_render_CFLAGS = $(unit_CFLAGS)
tests_unit_test_top_render_LDADD = $(host_LIBS) $(CMOCKA_LIBS)
tests_unit_test_topology_SOURCES = tests/unit/test_topology.c \
	tests/unit/scratch.c tests/unit/scratch.h
tests_unit_test_topology_CFLAGS = $(unit_CFLAGS) $(unit_fixtures)
tests_unit_test_topology_LDADD = $(host_LIBS) $(CMOCKA_LIBS)
tests_unit_test_trace_reader_CFLAGS = $(unit_CFLAGS)
tests_unit_test_trace_reader_LDADD = $(host_LIBS) $(CMOCKA_LIBS)
tests_unit_test_trace_writer_CFLAGS = $(unit_CFLAGS)
tests_unit_test_trace_writer_LDADD = $(host_LIBS) $(CMOCKA_LIBS)
tests_unit_test_trace_writer_SOURCES = tests/unit/test_trace_writer.c \
	tests/unit/random.h tests/unit/scene.h
tests_unit_test_turbo_CFLAGS = $(unit_CFLAGS)
tests_unit_test_turbo_LDADD = $(host_LIBS) $(CMOCKA_LIBS)
tests_unit_test_turbo_SOURCES = tests/unit/test_turbo.c tests/unit/random.h
tests_unit_test_usage_CFLAGS = $(unit_CFLAGS)
tests_unit_test_usage_LDADD = $(host_LIBS) $(CMOCKA_LIBS)
tests_unit_test_usage_SOURCES = tests/unit/test_usage.c tests/unit/scene.h
tests_unit_test_vcpu_times_CFLAGS = $(unit_CFLAGS)
tests_unit_test_vcpu_times_LDADD = $(host_LIBS) $(CMOCKA_LIBS)
tests_unit_test_vcpu_times_SOURCES = tests/unit/test_vcpu_times.c tests/unit/scene.h
tests_unit_test_wake_CFLAGS = $(unit_CFLAGS)
tests_unit_test_wake_LDADD = $(host_LIBS) $(CMOCKA_LIBS)
tests_unit_test_wake_SOURCES = tests/unit/test_wake.c tests/unit/random.h
tests_unit_test_weight_CFLAGS = $(unit_CFLAGS)
tests_unit_test_weight_LDADD = $(host_LIBS) $(CMOCKA_LIBS)
tests_unit_test_writer_CFLAGS = $(unit_CFLAGS)
tests_unit_test_writer_LDADD = $(host_LIBS) $(CMOCKA_LIBS)
tests_unit_test_writer_SOURCES = tests/unit/test_writer.c \
	tests/unit/child.h tests/unit/world.h
tests_unit_test_zone_counter_CFLAGS = $(unit_CFLAGS)
tests_unit_test_zone_counter_LDADD = $(host_LIBS) $(CMOCKA_LIBS)
tests_unit_test_zone_rules_CFLAGS = $(unit_CFLAGS)
tests_unit_test_zone_rules_LDADD = $(host_LIBS) $(CMOCKA_LIBS)
tests_unit_test_zone_state_CFLAGS = $(unit_CFLAGS)
tests_unit_test_zone_state_LDADD = $(host_LIBS) $(CMOCKA_LIBS)
tests_unit_test_zone_state_SOURCES = tests/unit/test_zone_state.c tests/unit/scene.h
check_PROGRAMS += $(unit_host)
TESTS += $(unit_host)
EXTRA_DIST += tests/fixtures/hosts tests/fixtures/ledger tests/fixtures/record \
	tests/fixtures/unpack tests/fixtures/xml

# Prints what the inventory says, for the integration tests.
check_PROGRAMS += tests/inventory_dump/inventory_dump
tests_inventory_dump_inventory_dump_CFLAGS = $(AM_CFLAGS) $(HOST_CFLAGS) $(CJSON_CFLAGS)
tests_inventory_dump_inventory_dump_LDADD = $(host_LIBS)
endif
endif
