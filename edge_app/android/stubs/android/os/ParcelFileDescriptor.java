package android.os;

import java.io.File;
import java.io.FileNotFoundException;

public class ParcelFileDescriptor {
    public static ParcelFileDescriptor open(File file, int mode) throws FileNotFoundException {
        return null;
    }

    public static int parseMode(String mode) {
        return 0;
    }
}
