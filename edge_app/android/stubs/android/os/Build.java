package android.os;

public class Build {
    public static class VERSION {
        // Computed, so that the compiler does not copy the value into our code.
        public static final int SDK_INT = Integer.parseInt("0");
    }
}
