// The self-test, then one image a second.
#include <$name.h>

static net_arena_t arena;  // between calls it may be used for anything else
static uint8_t image[NET_IMAGE_BYTES];
$numbers
void setup() {
  Serial.begin(115200);
  while (!Serial) {
  }
  int failed = net_self_test(&arena);
  Serial.println(failed == 0 ? "$name: self-test passed" : "$name: self-test FAILED");
}

void loop() {
  // fill `$filled` here; see README.md for what must be in it
$encode  unsigned long start = micros();
  int chosen = net_classify(&arena, image);
  unsigned long end = micros();
  Serial.print("$name: class ");
  Serial.print(chosen);
  Serial.print(", microseconds ");
  Serial.println(end - start);
  delay(1000);
}
