/* order - a program that only calls the library whose constructor and destructor are tested. */
void early_main(void);

int main(void) {
  early_main();
  return 0;
}
