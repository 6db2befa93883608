// Makes the JPEG pictures of this folder and what libjpeg-turbo 2.1.5 decodes them to; made once, with
//   gcc -O1 make.c -ljpeg -o /tmp/make && /tmp/make
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <jpeglib.h>

struct form {
  const char *name;
  int width, height, components, quality;
  int h[3], v[3];
  int progressive, separate, restart, rgb;
};

static const struct form forms[] = {
    {"grey", 37, 29, 1, 90, {1}, {1}, 0, 0, 0, 0},
    {"grey-2x2", 37, 29, 1, 90, {2}, {2}, 0, 0, 0, 0},
    {"444", 37, 29, 3, 95, {1, 1, 1}, {1, 1, 1}, 0, 0, 0, 0},
    {"422", 37, 29, 3, 90, {2, 1, 1}, {1, 1, 1}, 0, 0, 0, 0},
    {"420", 37, 29, 3, 90, {2, 1, 1}, {2, 1, 1}, 0, 0, 0, 0},
    {"420-whole", 64, 48, 3, 75, {2, 1, 1}, {2, 1, 1}, 0, 0, 0, 0},
    {"440", 37, 29, 3, 90, {1, 1, 1}, {2, 1, 1}, 0, 0, 0, 0},
    {"411", 37, 29, 3, 90, {4, 1, 1}, {1, 1, 1}, 0, 0, 0, 0},
    {"tiny", 1, 1, 3, 90, {2, 1, 1}, {2, 1, 1}, 0, 0, 0, 0},
    {"restarts", 70, 50, 3, 85, {2, 1, 1}, {2, 1, 1}, 0, 0, 1, 0},
    {"coarse", 64, 48, 3, 5, {2, 1, 1}, {2, 1, 1}, 0, 0, 0, 0},
    {"exact", 64, 48, 3, 100, {1, 1, 1}, {1, 1, 1}, 0, 0, 0, 0},
    {"separate-444", 37, 29, 3, 90, {1, 1, 1}, {1, 1, 1}, 0, 1, 0, 0},
    {"separate-420", 37, 29, 3, 90, {2, 1, 1}, {2, 1, 1}, 0, 1, 0, 0},
    {"progressive-grey", 37, 29, 1, 90, {1}, {1}, 1, 0, 0, 0},
    {"progressive-444", 37, 29, 3, 90, {1, 1, 1}, {1, 1, 1}, 1, 0, 0, 0},
    {"progressive-420", 70, 50, 3, 90, {2, 1, 1}, {2, 1, 1}, 1, 0, 0, 0},
    {"progressive-restarts", 70, 50, 3, 90, {2, 1, 1}, {2, 1, 1}, 1, 0, 2, 0},
    {"rgb", 37, 29, 3, 90, {1, 1, 1}, {1, 1, 1}, 0, 0, 0, 1},
    {"grey-1x2", 37, 29, 1, 90, {1}, {2}, 0, 0, 0, 0},
    {"422-tall", 37, 29, 3, 90, {2, 1, 1}, {2, 2, 2}, 0, 0, 0, 0},
    {"444-tall", 37, 29, 3, 90, {1, 1, 1}, {2, 2, 2}, 0, 0, 0, 0},
    {"410", 67, 29, 3, 90, {4, 1, 1}, {2, 1, 1}, 0, 0, 0, 0},
    {"441", 37, 61, 3, 90, {1, 1, 1}, {4, 1, 1}, 0, 0, 0, 0},
    {"311", 37, 29, 3, 90, {3, 1, 1}, {1, 1, 1}, 0, 0, 0, 0},
    {"mixed", 37, 29, 3, 90, {2, 2, 1}, {2, 1, 2}, 0, 0, 0, 0},
    {"small-luma", 37, 29, 3, 90, {1, 2, 2}, {1, 1, 1}, 0, 0, 0, 0},
    {"progressive-422-tall", 70, 50, 3, 90, {2, 1, 1}, {2, 2, 2}, 1, 0, 0, 0},
    {"restarts-422-tall", 70, 50, 3, 85, {2, 1, 1}, {2, 2, 2}, 0, 0, 1, 0},
};

static unsigned char sample(int x, int y, int c) {
  unsigned noise = (unsigned)(x * 73 + y * 151 + c * 29) * 2654435761u >> 28;
  int value = c == 0 ? x * 4 : c == 1 ? y * 5 : 255 - (x + y) * 2;
  if ((x / 9 + y / 7) % 3 == c) value = 250;
  if (x > 20 && x < 24) value = 20;
  return (unsigned char)(value < 0 ? 0 : value + (int)noise > 255 ? 255 : value + (int)noise);
}

static void encode(const struct form *form, const char *path) {
  struct jpeg_compress_struct jpeg;
  struct jpeg_error_mgr errors;
  jpeg.err = jpeg_std_error(&errors);
  jpeg_create_compress(&jpeg);
  FILE *file = fopen(path, "wb");
  jpeg_stdio_dest(&jpeg, file);
  jpeg.image_width = form->width;
  jpeg.image_height = form->height;
  jpeg.input_components = form->components;
  jpeg.in_color_space = form->components == 1 ? JCS_GRAYSCALE : JCS_RGB;
  jpeg_set_defaults(&jpeg);
  if (form->rgb) jpeg_set_colorspace(&jpeg, JCS_RGB);
  jpeg_set_quality(&jpeg, form->quality, TRUE);
  for (int c = 0; c < form->components; c++) {
    jpeg.comp_info[c].h_samp_factor = form->h[c];
    jpeg.comp_info[c].v_samp_factor = form->v[c];
  }
  static const jpeg_scan_info scans[] = {{1, {0}, 0, 63, 0, 0}, {1, {1}, 0, 63, 0, 0}, {1, {2}, 0, 63, 0, 0}};
  if (form->separate) jpeg.scan_info = scans, jpeg.num_scans = 3;
  if (form->progressive) jpeg_simple_progression(&jpeg);
  jpeg.restart_in_rows = form->restart;
  jpeg_start_compress(&jpeg, TRUE);
  unsigned char row[3 * 128], *rows[1] = {row};
  for (int y = 0; y < form->height; y++) {
    for (int x = 0; x < form->width; x++)
      for (int c = 0; c < form->components; c++) row[x * form->components + c] = sample(x, y, c);
    jpeg_write_scanlines(&jpeg, rows, 1);
  }
  jpeg_finish_compress(&jpeg);
  jpeg_destroy_compress(&jpeg);
  fclose(file);
}

void decode(const char *from, const char *to, int grey) {
  struct jpeg_decompress_struct jpeg;
  struct jpeg_error_mgr errors;
  jpeg.err = jpeg_std_error(&errors);
  jpeg_create_decompress(&jpeg);
  FILE *file = fopen(from, "rb"), *out = fopen(to, "wb");
  jpeg_stdio_src(&jpeg, file);
  jpeg_read_header(&jpeg, TRUE);
  jpeg.out_color_space = grey ? JCS_GRAYSCALE : JCS_RGB;
  jpeg_start_decompress(&jpeg);
  fprintf(out, "P%d\n%d %d\n255\n", grey ? 5 : 6, jpeg.output_width, jpeg.output_height);
  unsigned char *row = malloc(3 * jpeg.output_width);
  while (jpeg.output_scanline < jpeg.output_height) {
    jpeg_read_scanlines(&jpeg, &row, 1);
    fwrite(row, grey ? 1 : 3, jpeg.output_width, out);
  }
  free(row);
  jpeg_finish_decompress(&jpeg);
  jpeg_destroy_decompress(&jpeg);
  fclose(file);
  fclose(out);
}

int main(int count, char **arguments) {
  if (count > 2) {
    decode(arguments[1], arguments[2], 0);
    return 0;
  }
  for (size_t at = 0; at < sizeof forms / sizeof *forms; at++) {
    char jpeg[64], to[64];
    snprintf(jpeg, sizeof jpeg, "%s.jpg", forms[at].name);
    encode(&forms[at], jpeg);
    snprintf(to, sizeof to, "%s.ppm", forms[at].name);
    decode(jpeg, to, 0);
    snprintf(to, sizeof to, "%s.pgm", forms[at].name);
    decode(jpeg, to, 1);
  }
}
