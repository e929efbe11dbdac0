// libFuzzer brings a main of its own; without it the program lists its targets and writes their seeds.
#if !__has_feature(coverage_sanitizer)
int herd_fuzz_main(int count, char **arguments);

int main(int count, char **arguments) { return herd_fuzz_main(count, arguments); }
#endif
